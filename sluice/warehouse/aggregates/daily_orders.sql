-- Orders and revenue per day.
--
-- facts: orders (total_amount, order_status)

-- name: table
-- orders: all orders of the day, whatever became of them; cancelled_orders and returned_orders: those of them that were
-- cancelled or returned. revenue: the amounts, after discounts and before tax, of the orders that were neither.
CREATE TABLE IF NOT EXISTS {{aggregate}} (
    business_date date NOT NULL,
    orders bigint NOT NULL,
    cancelled_orders bigint NOT NULL,
    returned_orders bigint NOT NULL,
    revenue decimal(38,2) NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (business_date);

-- name: rows
SELECT
    o.business_date,
    COUNT(*) AS orders,
    COUNT(CASE WHEN o.order_status = 'cancelled' THEN 1 END) AS cancelled_orders,
    COUNT(CASE WHEN o.order_status = 'returned' THEN 1 END) AS returned_orders,
    SUM(CASE WHEN o.order_status IN ('placed', 'shipped', 'delivered') THEN o.total_amount ELSE 0 END) AS revenue
FROM {{facts}} AS o
GROUP BY o.business_date;

-- What was sold per day and customer segment.
--
-- facts: orders (total_amount, order_status)
-- dimension: customers on customer_id (customer_segment)

-- name: table
-- customer_segment: the customer's segment as it is now; 'unknown' for a customer whom nobody has sent yet, too.
-- orders: the orders that are placed, shipped or delivered; cancelled and returned ones are not sold, and a segment
-- without any has no row. revenue: their amounts, after discounts and before tax.
CREATE TABLE IF NOT EXISTS {{aggregate}} (
    business_date date NOT NULL,
    customer_segment varchar(16) NOT NULL,
    orders bigint NOT NULL,
    revenue decimal(38,2) NOT NULL
)
DISTSTYLE AUTO
COMPOUND SORTKEY (business_date, customer_segment);

-- name: rows
SELECT
    o.business_date,
    COALESCE(c.customer_segment, 'unknown') AS customer_segment,
    COUNT(*) AS orders,
    SUM(o.total_amount) AS revenue
FROM {{facts}} AS o
LEFT JOIN {{customers}} AS c ON o.customer_id = c.customer_id
WHERE o.order_status IN ('placed', 'shipped', 'delivered')
GROUP BY o.business_date, COALESCE(c.customer_segment, 'unknown');

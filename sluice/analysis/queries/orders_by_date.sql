-- Orders by date
-- How many orders does each day have, how many of them were cancelled or came back, and what do the others bring?
SELECT
    o.order_date,
    COUNT(*) AS orders,
    SUM(CASE WHEN o.order_status = 'cancelled' THEN 1 ELSE 0 END) AS cancelled,
    SUM(CASE WHEN o.order_status = 'returned' THEN 1 ELSE 0 END) AS returned,
    SUM(CASE WHEN o.order_status IN ('cancelled', 'returned') THEN 0 ELSE o.total_amount END) AS revenue
FROM {{orders}} AS o
GROUP BY o.order_date
ORDER BY o.order_date

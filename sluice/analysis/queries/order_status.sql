-- Orders by status
-- Where on their way are the orders, and how much money is in each state?
SELECT
    o.order_status,
    COUNT(*) AS orders,
    COUNT(DISTINCT o.customer_id) AS customers,
    SUM(o.total_amount) AS total_amount
FROM {{orders}} AS o
GROUP BY o.order_status
ORDER BY o.order_status

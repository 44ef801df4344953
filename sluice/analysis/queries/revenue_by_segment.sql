-- Revenue by customer segment
-- Which segments buy, how often, and for how much?
SELECT
    COALESCE(c.customer_segment, 'unknown') AS customer_segment,
    COUNT(DISTINCT o.customer_id) AS customers,
    COUNT(*) AS orders,
    SUM(o.total_amount) AS revenue
FROM {{orders}} AS o
LEFT JOIN {{customers}} AS c ON o.customer_id = c.customer_id
WHERE o.order_status <> 'cancelled'
GROUP BY COALESCE(c.customer_segment, 'unknown')
ORDER BY customer_segment

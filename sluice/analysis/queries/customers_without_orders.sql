-- Customers without orders
-- How many customers of each segment have never ordered?
SELECT
    COALESCE(c.customer_segment, 'unknown') AS customer_segment,
    COUNT(*) AS customers,
    SUM(CASE WHEN o.customer_id IS NULL THEN 1 ELSE 0 END) AS without_orders
FROM {{customers}} AS c
LEFT JOIN (SELECT DISTINCT ordered.customer_id FROM {{orders}} AS ordered) AS o ON c.customer_id = o.customer_id
GROUP BY COALESCE(c.customer_segment, 'unknown')
ORDER BY customer_segment

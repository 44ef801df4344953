-- Best customers
-- Which ten customers have spent most, and when did they order first and last?
SELECT
    o.customer_id,
    COALESCE(c.last_name, 'unknown') AS last_name,
    COALESCE(c.country, '??') AS country,
    COUNT(*) AS orders,
    SUM(o.total_amount) AS spent,
    MIN(o.order_date) AS first_order,
    MAX(o.order_date) AS last_order
FROM {{orders}} AS o
LEFT JOIN {{customers}} AS c ON o.customer_id = c.customer_id
WHERE o.order_status <> 'cancelled'
GROUP BY o.customer_id, COALESCE(c.last_name, 'unknown'), COALESCE(c.country, '??')
ORDER BY spent DESC, o.customer_id
LIMIT 10

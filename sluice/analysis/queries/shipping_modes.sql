-- Shipping modes
-- How are orders shipped, and how many of each mode have not left yet?
SELECT
    COALESCE(o.ship_mode, 'unknown') AS ship_mode,
    COUNT(*) AS orders,
    SUM(CASE WHEN o.ship_date IS NULL THEN 1 ELSE 0 END) AS not_shipped,
    MIN(o.order_date) AS first_order,
    MAX(o.order_date) AS last_order
FROM {{orders}} AS o
GROUP BY COALESCE(o.ship_mode, 'unknown')
ORDER BY ship_mode

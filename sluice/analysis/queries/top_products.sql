-- Top products
-- Which ten products bring most, over all orders that were not cancelled or returned?
SELECT
    i.product_id,
    COALESCE(p.product_name, 'unknown') AS product_name,
    COUNT(DISTINCT i.order_id) AS orders,
    SUM(CAST(i.quantity AS bigint)) AS units,
    SUM(i.quantity * i.unit_price) AS revenue
FROM {{order_items}} AS i
INNER JOIN {{orders}} AS o ON i.order_id = o.order_id
LEFT JOIN {{products}} AS p ON i.product_id = p.product_id
WHERE o.order_status NOT IN ('cancelled', 'returned')
GROUP BY i.product_id, COALESCE(p.product_name, 'unknown')
ORDER BY revenue DESC, i.product_id
LIMIT 10

-- Revenue by category
-- What do the categories of the catalogue bring, and what is left after the cost of the products?
SELECT
    COALESCE(p.category, 'unknown') AS category,
    COUNT(DISTINCT i.product_id) AS products,
    SUM(CAST(i.quantity AS bigint)) AS units,
    SUM(i.quantity * i.unit_price) AS revenue,
    SUM(i.quantity * (i.unit_price - COALESCE(p.cost, i.unit_price))) AS margin
FROM {{order_items}} AS i
INNER JOIN {{orders}} AS o ON i.order_id = o.order_id
LEFT JOIN {{products}} AS p ON i.product_id = p.product_id
WHERE o.order_status NOT IN ('cancelled', 'returned')
GROUP BY COALESCE(p.category, 'unknown')
ORDER BY category

-- Stock by supplier
-- What does the stock of each supplier cost, and how many of its products have run out?
SELECT
    COALESCE(p.supplier_id, 'unknown') AS supplier_id,
    COUNT(*) AS products,
    SUM(CASE WHEN p.stock_quantity = 0 THEN 1 ELSE 0 END) AS out_of_stock,
    SUM(p.stock_quantity * COALESCE(p.cost, 0)) AS stock_cost
FROM {{products}} AS p
GROUP BY COALESCE(p.supplier_id, 'unknown')
ORDER BY supplier_id

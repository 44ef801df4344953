-- Health: keys
-- Does every table have one row per key? Rows and keys must be equal in each line.
SELECT
    counted.table_name,
    counted.row_count,
    counted.key_count
FROM (
    SELECT
        'customers' AS table_name,
        COUNT(*) AS row_count,
        COUNT(DISTINCT c.customer_id) AS key_count
    FROM {{customers}} AS c
    UNION ALL
    SELECT
        'orders' AS table_name,
        COUNT(*) AS row_count,
        COUNT(DISTINCT o.order_id) AS key_count
    FROM {{orders}} AS o
    UNION ALL
    SELECT
        'order_items' AS table_name,
        COUNT(*) AS row_count,
        COUNT(DISTINCT i.order_id || '/' || CAST(i.line_number AS varchar(12))) AS key_count
    FROM {{order_items}} AS i
    UNION ALL
    SELECT
        'products' AS table_name,
        COUNT(*) AS row_count,
        COUNT(DISTINCT p.product_id) AS key_count
    FROM {{products}} AS p
    UNION ALL
    SELECT
        'transactions' AS table_name,
        COUNT(*) AS row_count,
        COUNT(DISTINCT t.transaction_id) AS key_count
    FROM {{transactions}} AS t
) AS counted
ORDER BY counted.table_name

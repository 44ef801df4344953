-- Health: freshness
-- When did the newest row of each table change, to the second, and which batch brought the newest partition?
SELECT
    newest.table_name,
    newest.row_count,
    newest.changed_at,
    newest.batch_id
FROM (
    SELECT
        'customers' AS table_name,
        COUNT(*) AS row_count,
        DATE_TRUNC('second', MAX(c.updated_at)) AS changed_at,
        MAX(c."_batch_id") AS batch_id
    FROM {{customers}} AS c
    UNION ALL
    SELECT
        'orders' AS table_name,
        COUNT(*) AS row_count,
        DATE_TRUNC('second', MAX(o.updated_at)) AS changed_at,
        MAX(o."_batch_id") AS batch_id
    FROM {{orders}} AS o
    UNION ALL
    SELECT
        'products' AS table_name,
        COUNT(*) AS row_count,
        DATE_TRUNC('second', MAX(p.updated_at)) AS changed_at,
        MAX(p."_batch_id") AS batch_id
    FROM {{products}} AS p
    UNION ALL
    SELECT
        'transactions' AS table_name,
        COUNT(*) AS row_count,
        DATE_TRUNC('second', MAX(t.updated_at)) AS changed_at,
        MAX(t."_batch_id") AS batch_id
    FROM {{transactions}} AS t
) AS newest
ORDER BY newest.table_name

-- Health: references
-- How many rows refer to rows that nobody has sent yet? Late partitions show here until they arrive.
SELECT
    missing.reference,
    missing.row_count
FROM (
    SELECT
        'order_items without order' AS reference,
        COUNT(*) AS row_count
    FROM {{order_items}} AS i
    LEFT JOIN {{orders}} AS o ON i.order_id = o.order_id
    WHERE o.order_id IS NULL
    UNION ALL
    SELECT
        'order_items without product' AS reference,
        COUNT(*) AS row_count
    FROM {{order_items}} AS i
    LEFT JOIN {{products}} AS p ON i.product_id = p.product_id
    WHERE p.product_id IS NULL
    UNION ALL
    SELECT
        'orders without customer' AS reference,
        COUNT(*) AS row_count
    FROM {{orders}} AS o
    LEFT JOIN {{customers}} AS c ON o.customer_id = c.customer_id
    WHERE c.customer_id IS NULL
    UNION ALL
    SELECT
        'orders without lines' AS reference,
        COUNT(*) AS row_count
    FROM {{orders}} AS o
    LEFT JOIN (SELECT DISTINCT lines.order_id FROM {{order_items}} AS lines) AS i ON o.order_id = i.order_id
    WHERE i.order_id IS NULL
    UNION ALL
    SELECT
        'transactions without order' AS reference,
        COUNT(*) AS row_count
    FROM {{transactions}} AS t
    LEFT JOIN {{orders}} AS o ON t.order_id = o.order_id
    WHERE o.order_id IS NULL
) AS missing
ORDER BY missing.reference

-- What the warehouse has.

-- name: own_tables
-- The audit table and every staging table, those of dead runs included.
SELECT table_name
FROM svv_tables
WHERE table_schema = 'sluice'
ORDER BY table_name;

-- name: columns
-- The columns of one table in their order; none when the table does not exist.
SELECT column_name, data_type, character_maximum_length, numeric_precision, numeric_scale
FROM svv_columns
WHERE table_schema = :table_schema
    AND table_name = :table_name
ORDER BY ordinal_position;

-- name: views
-- The views that show columns of one table, with the column; views made WITH NO SCHEMA BINDING know columns by name and are
-- not among them. The catalog alone is asked, because it is on the leader node.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_intro_catalog_views.html
SELECT DISTINCT a.attname, vn.nspname, v.relname
FROM pg_depend AS d
INNER JOIN pg_rewrite AS r ON r.oid = d.objid
INNER JOIN pg_class AS v ON v.oid = r.ev_class
INNER JOIN pg_namespace AS vn ON vn.oid = v.relnamespace
INNER JOIN pg_class AS t ON t.oid = d.refobjid
INNER JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
INNER JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE tn.nspname = :table_schema
    AND t.relname = :table_name
    AND v.oid <> t.oid
ORDER BY 1, 2, 3;

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

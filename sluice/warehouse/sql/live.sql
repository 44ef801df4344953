-- What the warehouse has, as the doctor asks for it: one query for all tables of a schema, not one for each.

-- name: external_schema
-- The catalog database of an external schema; none when there is no such schema.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_SCHEMAS.html
SELECT databasename
FROM svv_external_schemas
WHERE schemaname = :schema_name;

-- name: columns
-- The columns of all tables of a schema: the table, and what `columns` in catalog.sql gives.
SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale
FROM svv_columns
WHERE table_schema = :schema_name
ORDER BY table_name, ordinal_position;

-- name: procedures
-- The stored procedures and functions of a schema.
SELECT p.proname
FROM pg_proc AS p
INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = :schema_name
ORDER BY p.proname;

-- name: tables
-- The tables of a schema.
SELECT table_name
FROM svv_tables
WHERE table_schema = :schema_name
ORDER BY table_name;

-- name: external_columns
-- The columns of all tables of an external schema as Spectrum sees them; part_key is above 0 for partition keys.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_COLUMNS.html
SELECT tablename, columnname, external_type, part_key
FROM svv_external_columns
WHERE schemaname = :schema_name
ORDER BY tablename, columnnum;

-- name: shut_out
-- Users who may read a table and may not use a schema. These functions run on the leader node alone, so nothing but
-- the catalog may stand beside them; owners and superusers may everything.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_HAS_SCHEMA_PRIVILEGE.html
SELECT usename
FROM pg_user
WHERE NOT usesuper
    AND HAS_TABLE_PRIVILEGE(usename, :table_name, 'select')
    AND NOT HAS_SCHEMA_PRIVILEGE(usename, :schema_name, 'usage')
ORDER BY usename;

-- name: users
-- The users of the warehouse.
SELECT usename
FROM pg_user
ORDER BY usename;

-- name: isolation
-- The isolation level of this database.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_STV_DB_ISOLATION_LEVEL.html
SELECT isolation_level
FROM stv_db_isolation_level
WHERE db_name = current_database();

-- External schemas: which there are, what the warehouse holds of their tables, and the system views on them.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-external-schemas.html

CREATE TABLE IF NOT EXISTS pg_catalog.redshift_external_schemas (
    schema_id oid PRIMARY KEY,
    database_name text NOT NULL,
    options text NOT NULL
);
-- The Data Catalog as the system views show it; filled when a statement asks them.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_external_tables (
    schema_id oid, table_name text, document jsonb NOT NULL, PRIMARY KEY (schema_id, table_name)
);
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_external_partitions (
    schema_id oid, table_name text, document jsonb NOT NULL
);
-- A table whose rows are here: what they were read as, and from which objects.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_external_storage (
    schema_id oid, table_name text, definition text NOT NULL, PRIMARY KEY (schema_id, table_name)
);
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_external_objects (
    object_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schema_id oid, table_name text, partition_values text, url text, etag text, size_bytes bigint
);
ALTER TABLE pg_catalog.redshift_external_objects
    ADD COLUMN IF NOT EXISTS row_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS column_bytes jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS errors jsonb NOT NULL DEFAULT '{}';
CREATE INDEX IF NOT EXISTS redshift_external_objects_table
    ON pg_catalog.redshift_external_objects (schema_id, table_name);
-- What statements read of external tables, one row for each statement and table.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_external_scans (
    query_id bigint, place integer, user_name text, query_text text, table_name text, location text,
    start_time timestamp, end_time timestamp, is_partitioned boolean, total_partitions integer,
    qualified_partitions integer, files bigint, row_count bigint, bytes bigint, PRIMARY KEY (query_id, place)
);
GRANT SELECT ON pg_catalog.redshift_external_schemas, pg_catalog.redshift_external_tables,
    pg_catalog.redshift_external_partitions TO PUBLIC;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_note_external_schema(schema oid, database text, options text) RETURNS void
SECURITY DEFINER SET allow_system_table_mods = on LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pg_catalog.redshift_external_schemas VALUES (schema, database, options);
    -- The rows lie in a schema of their own, whose name holds when the external schema is renamed.
    EXECUTE format('CREATE SCHEMA %I', 'pg_ext_' || schema);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', 'pg_ext_' || schema);
END $$;

-- The schema belongs to its creator; a procedure, so that the statement gives no rows.
CREATE OR REPLACE PROCEDURE pg_catalog.redshift_create_external_schema(
    name text, database text, options text, if_missing boolean
)
LANGUAGE plpgsql AS $$
BEGIN
    IF if_missing AND EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = name) THEN
        RAISE NOTICE 'schema "%" already exists, skipping', name;
        RETURN;
    END IF;
    EXECUTE format('CREATE SCHEMA %I', name);
    PERFORM pg_catalog.redshift_note_external_schema(
        (SELECT n.oid FROM pg_namespace n WHERE n.nspname = name), database, options);
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_forget_external() RETURNS event_trigger
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    gone oid;
BEGIN
    FOR gone IN
        DELETE FROM pg_catalog.redshift_external_schemas WHERE schema_id IN (
            SELECT objid FROM pg_event_trigger_dropped_objects() WHERE classid = 'pg_namespace'::regclass)
        RETURNING schema_id
    LOOP
        DELETE FROM pg_catalog.redshift_external_tables WHERE schema_id = gone;
        DELETE FROM pg_catalog.redshift_external_partitions WHERE schema_id = gone;
        DELETE FROM pg_catalog.redshift_external_storage WHERE schema_id = gone;
        DELETE FROM pg_catalog.redshift_external_objects WHERE schema_id = gone;
        EXECUTE format('DROP SCHEMA %I CASCADE', 'pg_ext_' || gone);
    END LOOP;
END $$;

DROP EVENT TRIGGER IF EXISTS redshift_forget_external;
CREATE EVENT TRIGGER redshift_forget_external ON sql_drop
    WHEN TAG IN ('DROP SCHEMA', 'DROP OWNED')
    EXECUTE FUNCTION pg_catalog.redshift_forget_external();

DROP VIEW IF EXISTS pg_catalog.svv_external_schemas, pg_catalog.svv_external_tables, pg_catalog.svv_external_columns,
    pg_catalog.svv_external_partitions, pg_catalog.pg_external_schema;

-- The SVV views show superusers all, and others what they may use.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_TABLES.html
CREATE VIEW pg_catalog.pg_external_schema AS
SELECT schema_id AS esoid, 1 AS eskind, database_name AS esdbname, options AS esoptions
FROM pg_catalog.redshift_external_schemas;

CREATE VIEW pg_catalog.svv_external_schemas AS
SELECT n.oid AS esoid, 1::smallint AS eskind, n.nspname::text AS schemaname, n.nspowner::integer AS esowner,
       s.database_name AS databasename, s.options AS esoptions
FROM pg_catalog.redshift_external_schemas s JOIN pg_namespace n ON n.oid = s.schema_id
WHERE has_schema_privilege(n.oid, 'USAGE');

CREATE VIEW pg_catalog.svv_external_tables AS
SELECT current_database()::text AS redshift_database_name, n.nspname::text AS schemaname, t.table_name AS tablename,
       'TABLE'::text AS tabletype, d.location, d.input_format, d.output_format, d.serialization_lib, d.serde_parameters,
       d.compressed, d.parameters
FROM pg_catalog.redshift_external_tables t
JOIN pg_namespace n ON n.oid = t.schema_id
CROSS JOIN LATERAL jsonb_to_record(t.document) AS d (
    location text, input_format text, output_format text, serialization_lib text, serde_parameters text,
    compressed integer, parameters text)
WHERE has_schema_privilege(n.oid, 'USAGE');

CREATE VIEW pg_catalog.svv_external_columns AS
SELECT current_database()::text AS redshift_database_name, n.nspname::text AS schemaname, t.table_name AS tablename,
       c.columnname, c.external_type, c.columnnum, c.part_key, 'true'::text AS is_nullable
FROM pg_catalog.redshift_external_tables t
JOIN pg_namespace n ON n.oid = t.schema_id
CROSS JOIN LATERAL jsonb_to_recordset(t.document -> 'columns') AS c (
    columnname text, external_type text, columnnum integer, part_key integer)
WHERE has_schema_privilege(n.oid, 'USAGE');

CREATE VIEW pg_catalog.svv_external_partitions AS
SELECT n.nspname::text AS schemaname, p.table_name AS tablename, d."values", d.location, d.input_format, d.output_format,
       d.serialization_lib, d.serde_parameters, d.compressed, d.parameters
FROM pg_catalog.redshift_external_partitions p
JOIN pg_namespace n ON n.oid = p.schema_id
CROSS JOIN LATERAL jsonb_to_record(p.document) AS d (
    "values" text, location text, input_format text, output_format text, serialization_lib text, serde_parameters text,
    compressed integer, parameters text)
WHERE has_schema_privilege(n.oid, 'USAGE');

GRANT SELECT ON pg_catalog.pg_external_schema, pg_catalog.svv_external_schemas, pg_catalog.svv_external_tables,
    pg_catalog.svv_external_columns, pg_catalog.svv_external_partitions TO PUBLIC;

-- What statements read of external tables. A user sees his own statements, and who owns the database sees all.
DROP VIEW IF EXISTS pg_catalog.sys_external_query_detail, pg_catalog.svl_s3query_summary,
    pg_catalog.svl_s3partition_summary, pg_catalog.redshift_own_external_scans;

CREATE VIEW pg_catalog.redshift_own_external_scans AS
SELECT s.*, r.oid::integer AS user_id, (extract(epoch FROM s.end_time - s.start_time) * 1000000)::bigint AS duration
FROM pg_catalog.redshift_external_scans s LEFT JOIN pg_roles r ON r.rolname = s.user_name
WHERE s.user_name = current_user
    OR pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER');

CREATE VIEW pg_catalog.sys_external_query_detail AS
SELECT user_id, query_id, NULL::bigint AS transaction_id, 0 AS child_query_sequence, place AS segment_id,
       'S3'::text AS source_type, start_time, end_time, duration, total_partitions, qualified_partitions,
       files AS scanned_files, row_count AS returned_rows, bytes AS returned_bytes, 'PARQUET'::text AS file_format,
       location AS file_location, query_text AS external_query_text, NULL::text AS warning_message,
       table_name, false AS is_recursive, false AS is_nested, NULL::bigint AS s3list_time,
       NULL::bigint AS get_partition_time
FROM pg_catalog.redshift_own_external_scans;

CREATE VIEW pg_catalog.svl_s3query_summary AS
SELECT user_id AS userid, query_id AS query, NULL::bigint AS xid, NULL::integer AS pid, place AS segment, 0 AS step,
       start_time AS starttime, end_time AS endtime, duration AS elapsed, 0 AS aborted,
       table_name AS external_table_name, 'PARQUET'::text AS file_format,
       CASE WHEN is_partitioned THEN 't' ELSE 'f' END AS is_partitioned, 'f'::text AS is_rrscan, 'f'::text AS is_nested,
       row_count AS s3_scanned_rows, bytes AS s3_scanned_bytes, row_count AS s3query_returned_rows,
       bytes AS s3query_returned_bytes, files
FROM pg_catalog.redshift_own_external_scans;

CREATE VIEW pg_catalog.svl_s3partition_summary AS
SELECT query_id AS query, place AS segment, start_time AS min_starttime, end_time AS max_endtime,
       duration AS min_duration, duration AS max_duration, duration AS avg_duration, total_partitions,
       qualified_partitions
FROM pg_catalog.redshift_own_external_scans WHERE is_partitioned;

GRANT SELECT ON pg_catalog.sys_external_query_detail, pg_catalog.svl_s3query_summary,
    pg_catalog.svl_s3partition_summary TO PUBLIC;

-- The system views that loaders and tools ask, over PostgreSQL's catalog.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html

CREATE OR REPLACE FUNCTION pg_catalog.redshift_rows(relation oid) RETURNS bigint
STABLE LANGUAGE plpgsql AS $$
DECLARE
    total bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', relation::regclass) INTO total;
    RETURN total;
END $$;

DROP VIEW IF EXISTS pg_catalog.svv_columns, pg_catalog.svv_tables, pg_catalog.pg_table_def, pg_catalog.svv_table_info;
DROP VIEW IF EXISTS pg_catalog.stv_db_isolation_level, pg_catalog.redshift_tables;
DROP VIEW IF EXISTS pg_catalog.sys_load_history, pg_catalog.sys_load_error_detail;

CREATE VIEW pg_catalog.redshift_tables AS
SELECT c.oid AS relation, n.nspname AS schema_name, c.relname AS table_name, c.relkind AS kind,
       coalesce(l.layout, '{}') AS layout
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.redshift_layout l ON l.relation = c.oid
WHERE c.relkind IN ('r', 'v') AND n.nspname NOT LIKE 'pg\_%' ESCAPE '\' AND n.nspname <> 'information_schema';

CREATE VIEW pg_catalog.svv_columns AS
SELECT table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable,
       CASE WHEN data_type = 'text' THEN 'character varying' ELSE data_type END AS data_type,
       character_maximum_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision,
       interval_type, interval_precision, character_set_catalog, character_set_schema, character_set_name,
       collation_catalog, collation_schema, collation_name, domain_name, NULL::text AS remarks
FROM information_schema.columns WHERE table_schema NOT LIKE 'pg\_ext\_%' ESCAPE '\';

CREATE VIEW pg_catalog.svv_tables AS
SELECT t.table_catalog, t.table_schema, t.table_name,
       CASE WHEN e.schema_id IS NULL THEN t.table_type::text ELSE 'EXTERNAL TABLE' END AS table_type, NULL::text AS remarks
FROM information_schema.tables t
JOIN pg_namespace n ON n.nspname = t.table_schema
LEFT JOIN pg_catalog.redshift_external_schemas e ON e.schema_id = n.oid
WHERE t.table_schema NOT LIKE 'pg\_ext\_%' ESCAPE '\';

-- Only the schemas of the search path, as in Redshift.
CREATE VIEW pg_catalog.pg_table_def AS
SELECT t.schema_name AS schemaname, t.table_name AS tablename, a.attname AS "column",
       format_type(a.atttypid, a.atttypmod) AS type,
       coalesce(t.layout -> 'encodings' ->> a.attname, 'none') AS encoding,
       coalesce(t.layout ->> 'distkey' = a.attname, false) AS distkey,
       coalesce(s.place, 0)::integer * CASE WHEN t.layout ->> 'sortstyle' = 'interleaved' THEN -1 ELSE 1 END AS sortkey,
       a.attnotnull AS "notnull"
FROM pg_catalog.redshift_tables t
JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN LATERAL jsonb_array_elements_text(t.layout -> 'sortkeys') WITH ORDINALITY AS s (name, place) ON s.name = a.attname
WHERE t.kind = 'r' AND pg_table_is_visible(t.relation)
ORDER BY t.schema_name, t.table_name, a.attnum;

-- Tables without rows are not shown, as in Redshift.
CREATE VIEW pg_catalog.svv_table_info AS
SELECT current_database()::text AS database, t.schema_name::text AS schema, t.relation::bigint AS table_id,
       t.table_name::text AS "table",
       CASE WHEN t.layout -> 'encodings' IN ('{}', 'null') THEN 'N' ELSE 'Y' END AS encoded,
       CASE t.layout ->> 'style' WHEN 'key' THEN 'KEY(' || (t.layout ->> 'distkey') || ')' WHEN 'even' THEN 'EVEN'
            WHEN 'all' THEN 'ALL' ELSE 'AUTO(ALL)' END AS diststyle,
       coalesce(t.layout -> 'sortkeys' ->> 0, 'AUTO(SORTKEY)') AS sortkey1,
       (SELECT max(a.atttypmod - 4) FROM pg_attribute a
        WHERE a.attrelid = t.relation AND a.atttypid = 'varchar'::regtype)::integer AS max_varchar,
       t.layout -> 'encodings' ->> (t.layout -> 'sortkeys' ->> 0) AS sortkey1_enc,
       coalesce(jsonb_array_length(t.layout -> 'sortkeys'), 0) AS sortkey_num,
       ceil(pg_total_relation_size(t.relation) / 1048576.0)::bigint AS size,
       0::numeric(10, 4) AS pct_used, 0::bigint AS empty, 0::numeric(5, 2) AS unsorted, 0::numeric(5, 2) AS stats_off,
       r.total::numeric(38, 0) AS tbl_rows, NULL::numeric(19, 2) AS skew_sortkey1, NULL::numeric(19, 2) AS skew_rows,
       r.total::numeric(38, 0) AS estimated_visible_rows, NULL::text AS risk_event,
       NULL::numeric(12, 2) AS vacuum_sort_benefit
FROM (
    -- OFFSET keeps the planner from counting the rows of tables before it knows that they are to be shown.
    SELECT * FROM pg_catalog.redshift_tables WHERE kind = 'r' AND has_table_privilege(relation, 'SELECT') OFFSET 0
) t
CROSS JOIN LATERAL (SELECT pg_catalog.redshift_rows(t.relation) AS total) r
WHERE r.total > 0;

CREATE VIEW pg_catalog.stv_db_isolation_level AS
SELECT oid::integer AS db_id, datname::text AS db_name,
       CASE i.level WHEN 'serializable' THEN 'Serializable' ELSE 'Snapshot Isolation' END::text AS isolation_level
FROM pg_database CROSS JOIN pg_catalog.redshift_isolation i WHERE datname = current_database();

CREATE VIEW pg_catalog.sys_load_history AS
SELECT query_id, status, current_database()::text AS database_name, table_name, start_time, end_time,
       (extract(epoch FROM end_time - start_time) * 1000000)::bigint AS duration, data_source, 'PARQUET'::text AS file_format,
       loaded_rows, source_file_bytes AS loaded_bytes, source_file_count, source_file_bytes,
       source_file_count AS file_count_scanned, source_file_bytes AS file_bytes_scanned,
       CASE WHEN status = 'aborted' THEN 1 ELSE 0 END AS error_count, NULL::bigint AS copy_job_id
FROM pg_catalog.redshift_loads;

CREATE VIEW pg_catalog.sys_load_error_detail AS
SELECT query_id, current_database()::text AS database_name, start_time, data_source AS file_name,
       left(error_message, 512) AS error_message
FROM pg_catalog.redshift_loads WHERE status = 'aborted';

GRANT SELECT ON pg_catalog.sys_load_history, pg_catalog.sys_load_error_detail TO PUBLIC;
GRANT SELECT ON pg_catalog.svv_columns, pg_catalog.svv_tables, pg_catalog.pg_table_def, pg_catalog.svv_table_info,
    pg_catalog.stv_db_isolation_level, pg_catalog.redshift_tables TO PUBLIC;

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
DROP VIEW IF EXISTS pg_catalog.stv_db_isolation_level, pg_catalog.redshift_tables, pg_catalog.redshift_class,
    pg_catalog.redshift_attribute, pg_catalog.redshift_attrdef;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_encodings() RETURNS text[] IMMUTABLE LANGUAGE sql
RETURN ARRAY['none', 'bytedict', 'delta', 'delta32k', 'lzo', 'mostly8', 'mostly16', 'mostly32', 'runlength', 'text255', 'text32k',
             'zstd', 'az64'];
-- The name of an encoding by its number in pg_attribute; Redshift's numbers are not documented.
CREATE OR REPLACE FUNCTION pg_catalog.format_encoding(number integer) RETURNS text IMMUTABLE LANGUAGE sql
RETURN (pg_catalog.redshift_encodings())[number + 1];
DROP VIEW IF EXISTS pg_catalog.sys_load_history, pg_catalog.sys_load_error_detail;
DROP VIEW IF EXISTS pg_catalog.stl_load_errors, pg_catalog.stl_loaderror_detail, pg_catalog.redshift_all_load_errors;

-- The encoding of a column: as it was written, or as Redshift chooses it.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Compression_encodings.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_encoding(relation oid, layout jsonb, col text, kind oid) RETURNS text STABLE LANGUAGE sql
RETURN CASE
    WHEN lower(layout -> 'encodings' ->> col) = 'raw' THEN 'none'
    WHEN layout -> 'encodings' ->> col IS NOT NULL THEN lower(layout -> 'encodings' ->> col)
    WHEN coalesce(layout -> 'sortkeys', '[]') ? col THEN 'none'
    WHEN (SELECT relpersistence FROM pg_class WHERE oid = relation) = 't' THEN 'none'
    WHEN kind IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype, 'date'::regtype,
                  'timestamp'::regtype, 'timestamptz'::regtype, 'time'::regtype, 'timetz'::regtype) THEN 'az64'
    WHEN kind IN ('varchar'::regtype, 'bpchar'::regtype, 'text'::regtype) THEN 'lzo'
    ELSE 'none'
END;

CREATE VIEW pg_catalog.redshift_tables AS
SELECT c.oid AS relation, n.nspname AS schema_name, c.relname AS table_name, c.relkind AS kind,
       coalesce(l.layout, '{}') AS layout
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.redshift_layout l ON l.relation = c.oid
WHERE c.relkind IN ('r', 'v') AND n.nspname <> 'information_schema'
    AND (n.nspname NOT LIKE 'pg\_%' ESCAPE '\' OR n.oid = pg_my_temp_schema());

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
       pg_catalog.redshift_encoding(t.relation, t.layout, a.attname, a.atttypid) AS encoding,
       coalesce(t.layout ->> 'distkey' = a.attname, false) AS distkey,
       coalesce(s.place, 0)::integer * CASE WHEN t.layout ->> 'sortstyle' = 'interleaved' THEN -1 ELSE 1 END AS sortkey,
       a.attnotnull AS "notnull"
FROM pg_catalog.redshift_tables t
JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN LATERAL jsonb_array_elements_text(t.layout -> 'sortkeys') WITH ORDINALITY AS s (name, place) ON s.name = a.attname
WHERE t.kind = 'r' AND pg_table_is_visible(t.relation)
ORDER BY t.schema_name, t.table_name, a.attnum;

-- The catalog with the columns that are Redshift's own.
CREATE VIEW pg_catalog.redshift_class AS
SELECT c.*, CASE l.layout ->> 'style' WHEN 'even' THEN 0 WHEN 'key' THEN 1 WHEN 'all' THEN 8 ELSE 9 END AS reldiststyle
FROM pg_class c LEFT JOIN pg_catalog.redshift_layout l ON l.relation = c.oid;
CREATE VIEW pg_catalog.redshift_attribute AS
SELECT a.*, coalesce(array_position(pg_catalog.redshift_encodings(),
                                    pg_catalog.redshift_encoding(a.attrelid, coalesce(l.layout, '{}'), a.attname, a.atttypid)), 1) - 1
           AS attencodingtype,
       coalesce(l.layout ->> 'distkey' = a.attname, false) AS attisdistkey,
       coalesce(s.place, 0)::integer AS attsortkeyord
FROM pg_attribute a LEFT JOIN pg_catalog.redshift_layout l ON l.relation = a.attrelid
LEFT JOIN LATERAL jsonb_array_elements_text(l.layout -> 'sortkeys') WITH ORDINALITY AS s (name, place) ON s.name = a.attname;
CREATE VIEW pg_catalog.redshift_attrdef AS
SELECT d.*, pg_get_expr(d.adbin, d.adrelid) AS adsrc FROM pg_attrdef d;
GRANT SELECT ON pg_catalog.redshift_class, pg_catalog.redshift_attribute, pg_catalog.redshift_attrdef TO PUBLIC;

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

-- The errors of records, and of commands that failed before there was a record.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
CREATE VIEW pg_catalog.redshift_all_load_errors AS
SELECT r.oid::integer AS user_id, e.* FROM (
    SELECT query_id, table_id, start_time, file_name, line_number, column_name, column_type, column_length, position,
           raw_line, raw_field_value, error_code, error_message, user_name, session_id, place
    FROM pg_catalog.redshift_load_errors
    UNION ALL
    SELECT query_id, (SELECT c.oid FROM pg_class c WHERE c.relname = l.table_name LIMIT 1)::bigint, start_time, data_source,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, error_message, user_name, session_id, 0
    FROM pg_catalog.redshift_loads l
    WHERE status = 'aborted' AND NOT EXISTS (SELECT FROM pg_catalog.redshift_load_errors e WHERE e.query_id = l.query_id)
) e LEFT JOIN pg_roles r ON r.rolname = e.user_name
WHERE e.user_name = current_user
    OR pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER');
GRANT SELECT ON pg_catalog.redshift_all_load_errors TO PUBLIC;

CREATE VIEW pg_catalog.sys_load_history AS
SELECT query_id, status, current_database()::text AS database_name, table_name, start_time, end_time,
       (extract(epoch FROM end_time - start_time) * 1000000)::bigint AS duration, data_source, file_format,
       loaded_rows, source_file_bytes AS loaded_bytes, source_file_count, source_file_bytes,
       source_file_count AS file_count_scanned, source_file_bytes AS file_bytes_scanned,
       (SELECT count(*) FROM pg_catalog.redshift_all_load_errors e WHERE e.query_id = l.query_id) AS error_count,
       NULL::bigint AS copy_job_id
FROM pg_catalog.redshift_loads l;

CREATE VIEW pg_catalog.sys_load_error_detail AS
SELECT user_id, query_id, NULL::bigint AS transaction_id, session_id, current_database()::text AS database_name,
       table_id::integer AS table_id, start_time, file_name::char(256) AS file_name, line_number,
       column_name::char(127) AS column_name, column_type::char(10) AS column_type, column_length::char(10) AS column_length,
       position, error_code, left(error_message, 512) AS error_message
FROM pg_catalog.redshift_all_load_errors;

GRANT SELECT ON pg_catalog.sys_load_history, pg_catalog.sys_load_error_detail TO PUBLIC;
GRANT SELECT ON pg_catalog.svv_columns, pg_catalog.svv_tables, pg_catalog.pg_table_def, pg_catalog.svv_table_info,
    pg_catalog.stv_db_isolation_level, pg_catalog.redshift_tables TO PUBLIC;

-- What of the warehouse and its catalog tools and dbt ask.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/svv_views.html

CREATE VIEW pg_catalog.svv_redshift_databases AS
SELECT d.datname::varchar(128) AS database_name, r.oid::integer AS database_owner, 'local'::varchar(32) AS database_type,
       NULL::varchar(128) AS database_acl, NULL::varchar(128) AS database_options,
       (SELECT isolation_level FROM pg_catalog.stv_db_isolation_level)::varchar(128) AS database_isolation_level
FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = current_database();

CREATE VIEW pg_catalog.svv_redshift_schemas AS
SELECT current_database()::varchar(128) AS database_name, n.nspname::varchar(128) AS schema_name,
       n.nspowner::integer AS schema_owner, 'local'::varchar(128) AS schema_type, n.nspacl::text::varchar(128) AS schema_acl,
       NULL::varchar(128) AS schema_option
FROM pg_namespace n LEFT JOIN pg_catalog.redshift_external_schemas e ON e.schema_id = n.oid
WHERE e.schema_id IS NULL AND n.nspname NOT LIKE 'pg\_temp%' ESCAPE '\' AND n.nspname NOT LIKE 'pg\_toast%' ESCAPE '\'
    AND n.nspname NOT LIKE 'pg\_ext\_%' ESCAPE '\';

CREATE VIEW pg_catalog.svv_all_schemas AS
SELECT database_name, schema_name, schema_owner, schema_type, schema_acl, NULL::varchar(128) AS source_database, schema_option
FROM pg_catalog.svv_redshift_schemas
UNION ALL
SELECT current_database()::varchar(128), schemaname::varchar(128), esowner, 'external'::varchar(128), NULL,
       databasename::varchar(128), esoptions::varchar(128)
FROM pg_catalog.svv_external_schemas;

CREATE VIEW pg_catalog.svv_redshift_tables AS
SELECT current_database()::varchar(128) AS database_name, t.schema_name::varchar(128) AS schema_name,
       t.table_name::varchar(128) AS table_name,
       CASE t.kind WHEN 'r' THEN 'TABLE' ELSE 'VIEW' END::varchar(128) AS table_type,
       (SELECT relacl FROM pg_class WHERE oid = t.relation)::text::varchar(128) AS table_acl,
       obj_description(t.relation, 'pg_class')::varchar(128) AS remarks
FROM pg_catalog.redshift_tables t WHERE t.schema_name NOT LIKE 'pg\_%' ESCAPE '\';

CREATE VIEW pg_catalog.svv_all_tables AS
SELECT * FROM pg_catalog.svv_redshift_tables
UNION ALL
SELECT current_database()::varchar(128), schemaname::varchar(128), tablename::varchar(128), 'EXTERNAL TABLE'::varchar(128),
       NULL, NULL
FROM pg_catalog.svv_external_tables;

CREATE VIEW pg_catalog.svv_redshift_columns AS
SELECT c.table_catalog::varchar(128) AS database_name, c.table_schema::varchar(128) AS schema_name,
       c.table_name::varchar(128) AS table_name, c.column_name::varchar(128) AS column_name,
       c.ordinal_position::integer AS ordinal_position, c.data_type::varchar(128) AS data_type,
       c.column_default::varchar(4000) AS column_default, c.is_nullable::varchar(3) AS is_nullable,
       pg_catalog.redshift_encoding(l.relation, l.layout, c.column_name,
           (SELECT atttypid FROM pg_attribute WHERE attrelid = l.relation AND attname = c.column_name))::varchar(128) AS encoding,
       coalesce(l.layout ->> 'distkey' = c.column_name, false) AS distkey,
       coalesce((SELECT s.place FROM jsonb_array_elements_text(l.layout -> 'sortkeys') WITH ORDINALITY AS s (name, place)
                 WHERE s.name = c.column_name), 0)::integer AS sortkey,
       NULL::varchar(128) AS column_acl, NULL::varchar(256) AS remarks,
       c.character_maximum_length::integer AS character_maximum_length, c.numeric_precision::integer AS numeric_precision,
       c.numeric_scale::integer AS numeric_scale
FROM pg_catalog.svv_columns c
LEFT JOIN pg_catalog.redshift_tables l ON l.schema_name = c.table_schema AND l.table_name = c.table_name
WHERE c.table_schema NOT LIKE 'pg\_%' ESCAPE '\' AND c.table_schema <> 'information_schema';

CREATE VIEW pg_catalog.svv_all_columns AS
SELECT database_name, schema_name, table_name, column_name, ordinal_position, column_default, is_nullable, data_type,
       character_maximum_length, numeric_precision, numeric_scale, remarks
FROM pg_catalog.svv_redshift_columns
UNION ALL
SELECT redshift_database_name::varchar(128), schemaname::varchar(128), tablename::varchar(128), columnname::varchar(128),
       columnnum, NULL, 'YES', external_type::varchar(128), NULL, NULL, NULL, NULL
FROM pg_catalog.svv_external_columns;

CREATE VIEW pg_catalog.svv_redshift_functions AS
SELECT current_database()::varchar(128) AS database_name, n.nspname::varchar(128) AS schema_name,
       p.proname::varchar(128) AS function_name,
       CASE p.prokind WHEN 'p' THEN 'STORED PROCEDURE' ELSE 'REGULAR FUNCTION' END::varchar(128) AS function_type,
       pg_get_function_identity_arguments(p.oid)::varchar(512) AS argument_type,
       pg_get_function_result(p.oid)::varchar(128) AS result_type
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname NOT LIKE 'pg\_%' ESCAPE '\' AND n.nspname <> 'information_schema';

CREATE VIEW pg_catalog.svv_user_info AS
SELECT r.oid::integer AS user_id, r.rolname::varchar(128) AS user_name, r.rolcreatedb AS createdb, r.rolsuper AS superuser,
       false AS catalog_update, r.rolconnlimit::varchar(128) AS connection_limit, 'RESTRICTED'::varchar(16) AS syslog_access,
       0 AS last_ddl_timestamp, NULL::bigint AS session_timeout, NULL::varchar(128) AS external_id
FROM pg_roles r WHERE r.rolcanlogin AND NOT r.rolsuper;
CREATE VIEW pg_catalog.svl_user_info AS
SELECT user_name AS usename, user_id AS usesysid, createdb AS usecreatedb, superuser AS usesuper, catalog_update AS usecatupd,
       connection_limit AS useconnlimit, syslog_access AS syslogaccess, NULL::timestamp AS last_ddl_ts
FROM pg_catalog.svv_user_info;
CREATE VIEW pg_catalog.pg_user_info AS SELECT * FROM pg_user;

CREATE VIEW pg_catalog.svv_roles AS
SELECT r.oid::integer AS role_id, r.rolname::varchar(128) AS role_name, NULL::varchar(128) AS role_owner,
       NULL::varchar(128) AS external_id
FROM pg_roles r WHERE NOT r.rolcanlogin AND r.rolname NOT LIKE 'pg\_%' ESCAPE '\';
CREATE VIEW pg_catalog.svv_role_grants AS
SELECT m.member::integer AS role_id, r.rolname::varchar(128) AS role_name, m.roleid::integer AS granted_role_id,
       g.rolname::varchar(128) AS granted_role_name
FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
WHERE NOT r.rolcanlogin AND g.rolname NOT LIKE 'pg\_%' ESCAPE '\';
CREATE VIEW pg_catalog.svv_user_grants AS
SELECT m.member::integer AS user_id, r.rolname::varchar(128) AS user_name, m.roleid::integer AS role_id,
       g.rolname::varchar(128) AS role_name, m.admin_option AS admin_option
FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
WHERE r.rolcanlogin AND NOT r.rolsuper AND g.rolname NOT LIKE 'pg\_%' ESCAPE '\';

CREATE VIEW pg_catalog.svv_relation_privileges AS
SELECT n.nspname::varchar(128) AS namespace_name, c.relname::varchar(128) AS relation_name,
       CASE a.privilege_type WHEN 'TRIGGER' THEN 'ALTER' ELSE a.privilege_type END::varchar(128) AS privilege_type, a.grantee::integer AS identity_id,
       coalesce(r.rolname, 'public')::varchar(128) AS identity_name,
       CASE WHEN r.rolname IS NULL THEN 'public' WHEN r.rolcanlogin THEN 'user' ELSE 'role' END::varchar(128) AS identity_type,
       a.is_grantable AS admin_option
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relkind IN ('r', 'v', 'm') AND n.nspname NOT LIKE 'pg\_%' ESCAPE '\' AND n.nspname <> 'information_schema';
CREATE VIEW pg_catalog.svv_schema_privileges AS
SELECT n.nspname::varchar(128) AS namespace_name, a.privilege_type::varchar(128) AS privilege_type,
       a.grantee::integer AS identity_id, coalesce(r.rolname, 'public')::varchar(128) AS identity_name,
       CASE WHEN r.rolname IS NULL THEN 'public' WHEN r.rolcanlogin THEN 'user' ELSE 'role' END::varchar(128) AS identity_type,
       a.is_grantable AS admin_option
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname NOT LIKE 'pg\_%' ESCAPE '\' AND n.nspname <> 'information_schema';
CREATE VIEW pg_catalog.svv_database_privileges AS
SELECT d.datname::varchar(128) AS database_name, a.privilege_type::varchar(128) AS privilege_type,
       a.grantee::integer AS identity_id, coalesce(r.rolname, 'public')::varchar(128) AS identity_name,
       CASE WHEN r.rolname IS NULL THEN 'public' WHEN r.rolcanlogin THEN 'user' ELSE 'role' END::varchar(128) AS identity_type,
       a.is_grantable AS admin_option
FROM pg_database d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = current_database();
CREATE VIEW pg_catalog.svv_function_privileges AS
SELECT n.nspname::varchar(128) AS namespace_name, p.proname::varchar(128) AS function_name,
       pg_get_function_identity_arguments(p.oid)::varchar(512) AS argument_types, a.privilege_type::varchar(128) AS privilege_type,
       a.grantee::integer AS identity_id, coalesce(r.rolname, 'public')::varchar(128) AS identity_name,
       CASE WHEN r.rolname IS NULL THEN 'public' WHEN r.rolcanlogin THEN 'user' ELSE 'role' END::varchar(128) AS identity_type,
       a.is_grantable AS admin_option
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname NOT LIKE 'pg\_%' ESCAPE '\' AND n.nspname <> 'information_schema';
CREATE VIEW pg_catalog.svv_default_privileges AS
SELECT n.nspname::varchar(128) AS schema_name,
       CASE d.defaclobjtype WHEN 'r' THEN 'RELATION' WHEN 'f' THEN 'FUNCTION' ELSE 'OTHER' END::varchar(128) AS object_type,
       d.defaclrole::integer AS owner_id, o.rolname::varchar(128) AS owner_name, 'user'::varchar(128) AS owner_type,
       a.privilege_type::varchar(128) AS privilege_type, a.grantee::integer AS grantee_id,
       coalesce(r.rolname, 'public')::varchar(128) AS grantee_name,
       CASE WHEN r.rolname IS NULL THEN 'public' WHEN r.rolcanlogin THEN 'user' ELSE 'role' END::varchar(128) AS grantee_type,
       a.is_grantable AS admin_option
FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a LEFT JOIN pg_roles r ON r.oid = a.grantee;

CREATE VIEW pg_catalog.svv_mv_info AS
SELECT current_database()::char(128) AS database_name, schemaname::char(128) AS schema_name, r.oid::integer AS user_id,
       m.matviewname::char(128) AS name, 'f'::char(1) AS is_stale, 0 AS state, 'f'::char(1) AS autorefresh, 'f'::char(1) AS autorewrite
FROM pg_matviews m JOIN pg_roles r ON r.rolname = m.matviewowner;
CREATE VIEW pg_catalog.stv_mv_info AS SELECT * FROM pg_catalog.svv_mv_info;

CREATE VIEW pg_catalog.svv_transactions AS
SELECT (CASE WHEN a.application_name LIKE 'redshift-data %' THEN substr(a.application_name, 15) ELSE a.usename END)::text AS txn_owner,
       current_database()::text AS txn_db, coalesce(a.backend_xid::text::bigint, 0) AS xid, a.pid,
       a.xact_start::timestamp AS txn_start, l.mode::text AS lock_mode, 'relation'::text AS lockable_object_type,
       l.relation::integer AS relation, l.granted
FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid WHERE l.locktype = 'relation' AND a.datname = current_database();
CREATE VIEW pg_catalog.stv_locks AS
SELECT relation AS table_id, txn_start AS last_commit, txn_start AS last_update, xid AS lock_owner, pid AS lock_owner_pid,
       txn_start AS lock_owner_start_ts, NULL::timestamp AS lock_owner_end_ts, lock_mode::char(22) AS lock_status
FROM pg_catalog.svv_transactions;
CREATE VIEW pg_catalog.stv_sessions AS
SELECT backend_start::timestamp AS starttime, pid AS process,
       (CASE WHEN a.application_name LIKE 'redshift-data %' THEN substr(a.application_name, 15) ELSE a.usename END)::char(50) AS user_name,
       datname::char(50) AS db_name, 0 AS timeout_sec
FROM pg_stat_activity a WHERE datname = current_database();
CREATE VIEW pg_catalog.pg_class_info AS
SELECT c.*, c.oid AS reloid, NULL::timestamp AS relcreationtime FROM pg_class c;

GRANT SELECT ON pg_catalog.svv_redshift_tables, pg_catalog.svv_redshift_columns, pg_catalog.svv_redshift_schemas,
    pg_catalog.svv_redshift_databases, pg_catalog.svv_redshift_functions, pg_catalog.svv_all_schemas, pg_catalog.svv_all_tables,
    pg_catalog.svv_all_columns, pg_catalog.svv_user_info, pg_catalog.svl_user_info, pg_catalog.svv_roles,
    pg_catalog.svv_role_grants, pg_catalog.svv_user_grants, pg_catalog.svv_relation_privileges,
    pg_catalog.svv_schema_privileges, pg_catalog.svv_database_privileges, pg_catalog.svv_function_privileges,
    pg_catalog.svv_default_privileges, pg_catalog.svv_mv_info, pg_catalog.stv_mv_info, pg_catalog.svv_transactions,
    pg_catalog.stv_locks, pg_catalog.stv_sessions, pg_catalog.pg_user_info, pg_catalog.pg_class_info TO PUBLIC;

-- The statements that ran: a user sees his own, and who owns the database sees all.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html
CREATE VIEW pg_catalog.redshift_own_queries AS
SELECT q.*, r.oid::integer AS user_id, (extract(epoch FROM q.end_time - q.start_time) * 1000000)::bigint AS elapsed
FROM pg_catalog.redshift_queries q LEFT JOIN pg_roles r ON r.rolname = q.user_name
WHERE q.user_name = current_user
    OR pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER');

CREATE VIEW pg_catalog.sys_query_history AS
SELECT user_id, query_id, 'default'::char(320) AS query_label, NULL::bigint AS transaction_id, session_id,
       current_database()::char(128) AS database_name, query_type::char(32) AS query_type, status::char(10) AS status,
       false AS result_cache_hit, start_time, end_time, elapsed AS elapsed_time, 0::bigint AS queue_time,
       elapsed AS execution_time, error_message::char(512) AS error_message, NULL::bigint AS returned_rows,
       NULL::bigint AS returned_bytes, query_text::char(4000) AS query_text, NULL::char(256) AS redshift_version,
       NULL::char(150) AS usage_limit, NULL::varchar(32) AS compute_type, 0::bigint AS compile_time,
       elapsed AS planning_time, 0::bigint AS lock_wait_time
FROM pg_catalog.redshift_own_queries;
-- A long text is in several rows.
CREATE VIEW pg_catalog.redshift_query_lines AS
SELECT q.*, n AS sequence, substr(q.query_text, n * 200 + 1, 200) AS line
FROM pg_catalog.redshift_own_queries q
CROSS JOIN LATERAL generate_series(0, greatest(length(q.query_text) - 1, 0) / 200) AS g (n);
CREATE VIEW pg_catalog.sys_query_text AS
SELECT user_id, query_id, NULL::bigint AS transaction_id, session_id, start_time, sequence, line::char(200) AS text
FROM pg_catalog.redshift_query_lines;
CREATE VIEW pg_catalog.stl_query AS
SELECT user_id AS userid, query_id::integer AS query, 'default'::char(320) AS label, NULL::bigint AS xid, session_id AS pid,
       current_database()::char(32) AS database, query_text::char(4000) AS querytxt, start_time AS starttime, end_time AS endtime,
       CASE WHEN status = 'success' THEN 0 ELSE 1 END AS aborted, 0 AS insert_pristine, 0 AS concurrency_scaling_status
FROM pg_catalog.redshift_own_queries WHERE query_type NOT IN ('DDL', 'UTILITY');
CREATE VIEW pg_catalog.stl_querytext AS
SELECT user_id AS userid, NULL::bigint AS xid, session_id AS pid, query_id::integer AS query, sequence, line::char(200) AS text
FROM pg_catalog.redshift_query_lines;
CREATE VIEW pg_catalog.svl_qlog AS
SELECT user_id AS userid, query_id::integer AS query, NULL::bigint AS xid, session_id AS pid, start_time AS starttime, end_time AS endtime,
       elapsed, CASE WHEN status = 'success' THEN 0 ELSE 1 END AS aborted, 'default'::char(320) AS label,
       query_text::char(60) AS substring, NULL::bigint AS source_query, NULL::char(25) AS concurrency_scaling_status_txt, 0 AS from_sp_call
FROM pg_catalog.redshift_own_queries;
CREATE VIEW pg_catalog.svl_statementtext AS
SELECT user_id AS userid, NULL::bigint AS xid, session_id AS pid, 'default'::char(320) AS label, start_time AS starttime,
       end_time AS endtime, sequence, query_type::char(10) AS type, line::char(200) AS text
FROM pg_catalog.redshift_query_lines;

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html, r_STL_LOAD_COMMITS.html
CREATE VIEW pg_catalog.stl_load_errors AS
SELECT user_id AS userid, 0 AS slice, table_id::integer AS tbl, start_time AS starttime, session_id AS session,
       query_id::integer AS query, file_name::char(256) AS filename, line_number, column_name::char(127) AS colname,
       column_type::char(10) AS type, column_length::char(10) AS col_length, position, raw_line::char(1024) AS raw_line,
       raw_field_value::char(1024) AS raw_field_value, error_code AS err_code, error_message::char(100) AS err_reason,
       0 AS is_partial, 0 AS start_offset, NULL::bigint AS copy_job_id
FROM pg_catalog.redshift_all_load_errors;
CREATE VIEW pg_catalog.stl_loaderror_detail AS
SELECT user_id AS userid, 0 AS slice, session_id AS session, query_id::integer AS query, file_name::char(256) AS filename,
       line_number, position AS field, column_name::char(1024) AS colname, raw_field_value::char(1024) AS value,
       0 AS is_null, column_type::char(10) AS type, column_length::char(10) AS col_length
FROM pg_catalog.redshift_all_load_errors;
CREATE VIEW pg_catalog.stl_load_commits AS
SELECT NULL::integer AS userid, query_id::integer AS query, 0 AS slice, data_source::char(256) AS name, data_source::char(256) AS filename,
       0 AS byte_offset, loaded_rows::integer AS lines_scanned, NULL::integer AS errors, end_time AS curtime, 1 AS status,
       NULL::char(4) AS file_format, 0 AS is_partial, 0 AS start_offset
FROM pg_catalog.redshift_loads WHERE status <> 'aborted';
-- A user sees his own, and who owns the database sees all.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/SYS_UNLOAD_HISTORY.html, SYS_UNLOAD_DETAIL.html,
-- r_STL_UNLOAD_LOG.html
CREATE VIEW pg_catalog.redshift_own_unloads AS
SELECT u.*, r.oid::integer AS user_id
FROM pg_catalog.redshift_unloads u LEFT JOIN pg_roles r ON r.rolname = u.user_name
WHERE u.user_name = current_user
    OR pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER');
CREATE VIEW pg_catalog.sys_unload_history AS
SELECT user_id, query_id, NULL::bigint AS transaction_id, session_id, current_database()::text AS database_name,
       CASE WHEN error_message = '' THEN 'completed' ELSE 'aborted' END AS status, start_time, end_time,
       (extract(epoch FROM end_time - start_time) * 1000000)::bigint AS duration, file_format, compression AS compression_type,
       location AS unloaded_location, unloaded_rows, jsonb_array_length(files)::bigint AS unloaded_files_count,
       (SELECT coalesce(sum((f ->> 'size')::bigint), 0)::bigint FROM jsonb_array_elements(files) f) AS unloaded_files_size,
       error_message
FROM pg_catalog.redshift_own_unloads;
CREATE VIEW pg_catalog.sys_unload_detail AS
SELECT user_id, query_id::integer AS query_id, session_id, NULL::bigint AS transaction_id, (f ->> 'url')::char(1280) AS file_name,
       start_time, end_time, (f ->> 'lines')::bigint AS line_count, (f ->> 'size')::bigint AS transfer_size,
       file_format::char(10) AS file_format
FROM pg_catalog.redshift_own_unloads CROSS JOIN LATERAL jsonb_array_elements(files) f;
CREATE VIEW pg_catalog.stl_unload_log AS
SELECT user_id AS userid, query_id AS query, 0 AS slice, session_id AS pid, file_name AS path, start_time, end_time, line_count,
       transfer_size, file_format
FROM pg_catalog.sys_unload_detail;
GRANT SELECT ON pg_catalog.sys_unload_history, pg_catalog.sys_unload_detail, pg_catalog.stl_unload_log TO PUBLIC;
GRANT SELECT ON pg_catalog.sys_query_history, pg_catalog.sys_query_text, pg_catalog.stl_query, pg_catalog.stl_querytext,
    pg_catalog.svl_qlog, pg_catalog.svl_statementtext, pg_catalog.stl_load_errors, pg_catalog.stl_load_commits,
    pg_catalog.stl_loaderror_detail TO PUBLIC;

CREATE VIEW pg_catalog.redshift_table_constraints AS
SELECT current_database()::text AS constraint_catalog, t.schema_name::text AS constraint_schema,
       (t.table_name || '_pkey')::text AS constraint_name, current_database()::text AS table_catalog,
       t.schema_name::text AS table_schema, t.table_name::text AS table_name, 'PRIMARY KEY'::text AS constraint_type,
       'NO'::text AS is_deferrable, 'NO'::text AS initially_deferred
FROM pg_catalog.redshift_tables t WHERE jsonb_array_length(coalesce(t.layout -> 'primary_key', '[]')) > 0;
GRANT SELECT ON pg_catalog.redshift_table_constraints TO PUBLIC;

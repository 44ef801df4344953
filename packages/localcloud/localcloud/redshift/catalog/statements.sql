-- The statements that ran and that run, in the older words of STL, STV and SVL; and what of the warehouse's make they tell.
-- A user sees his own, and who owns the database sees all.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_intro_system_tables.html and the pages of the views.

CREATE VIEW pg_catalog.stl_ddltext AS
SELECT user_id AS userid, NULL::bigint AS xid, session_id AS pid, 'default'::char(320) AS label, start_time AS starttime,
       end_time AS endtime, sequence, line::char(200) AS text
FROM pg_catalog.redshift_query_lines WHERE query_type = 'DDL' AND query_text ~* '^\s*(create|drop|alter)\s';
CREATE VIEW pg_catalog.stl_utilitytext AS
SELECT user_id AS userid, NULL::bigint AS xid, session_id AS pid, 'default'::char(320) AS label, start_time AS starttime,
       end_time AS endtime, sequence, line::char(200) AS text
FROM pg_catalog.redshift_query_lines
WHERE query_type IN ('UTILITY', 'OTHER') OR (query_type = 'DDL' AND query_text !~* '^\s*(create|drop|alter)\s');

-- Calls of procedures by statements, not by other procedures.
CREATE VIEW pg_catalog.sys_procedure_call AS
SELECT user_id AS session_user_id, user_id AS security_user_id, query_id::integer AS query_id, query_text::char(4000) AS query_text,
       start_time, end_time, (CASE WHEN status = 'success' THEN status ELSE 'canceled' END)::char(10) AS status,
       NULL::integer AS caller_procedure_query_id
FROM pg_catalog.redshift_own_queries WHERE query_text ~* '^\s*call\s';
CREATE VIEW pg_catalog.svl_stored_proc_call AS
SELECT session_user_id AS userid, session_user_id AS session_userid, query_id AS query, 'default'::char(320) AS label, NULL::bigint AS xid,
       q.session_id AS pid, current_database()::char(32) AS database, c.query_text AS querytxt, c.start_time AS starttime,
       c.end_time AS endtime, CASE WHEN c.status = 'success' THEN 0 ELSE 1 END AS aborted, NULL::integer AS from_sp_call
FROM pg_catalog.sys_procedure_call c JOIN pg_catalog.redshift_own_queries q USING (query_id);

CREATE VIEW pg_catalog.stv_inflight AS
SELECT r.oid::integer AS userid, 0 AS slice, q.query_id::integer AS query, ''::char(320) AS label, NULL::bigint AS xid, q.session_id AS pid,
       q.start_time AS starttime, q.query_text::char(100) AS text, 0 AS suspended, 0 AS insert_pristine,
       0 AS concurrency_scaling_status
FROM pg_catalog.redshift_running q LEFT JOIN pg_roles r ON r.rolname = q.user_name
WHERE EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = q.session_id) AND (
    q.user_name = current_user
    OR pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER'));
CREATE VIEW pg_catalog.svv_query_inflight AS
SELECT i.userid, i.slice, i.query, i.pid, i.starttime, i.suspended, substr(q.query_text, n * 200 + 1, 200)::char(200) AS text,
       n AS sequence
FROM pg_catalog.stv_inflight i JOIN pg_catalog.redshift_running q ON q.query_id = i.query
CROSS JOIN LATERAL generate_series(0, greatest(length(q.query_text) - 1, 0) / 200) AS g (n);
CREATE VIEW pg_catalog.stv_recents AS
SELECT i.userid, 'Running'::char(20) AS status, i.starttime,
       (extract(epoch FROM clock_timestamp()::timestamp - i.starttime) * 1000000)::integer AS duration,
       q.user_name::char(50) AS user_name, current_database()::char(50) AS db_name, q.query_text::char(600) AS query, i.pid
FROM pg_catalog.stv_inflight i JOIN pg_catalog.redshift_running q ON q.query_id = i.query
UNION ALL
(SELECT user_id, 'Done'::char(20), start_time, elapsed::integer, user_name::char(50), current_database()::char(50),
        query_text::char(600), -1
 FROM pg_catalog.redshift_own_queries ORDER BY start_time DESC LIMIT 100);

-- One node with one slice.
CREATE VIEW pg_catalog.stv_slices AS SELECT 0 AS node, 0 AS slice, 0 AS localslice, 'D'::char(1) AS type;
CREATE VIEW pg_catalog.stv_tbl_perm AS
SELECT 0 AS slice, t.relation::integer AS id, t.table_name::char(72) AS name, pg_catalog.redshift_rows(t.relation) AS rows,
       pg_catalog.redshift_rows(t.relation) AS sorted_rows,
       (CASE WHEN (SELECT relpersistence FROM pg_class WHERE oid = t.relation) = 't' THEN 1 ELSE 0 END) AS temp,
       (SELECT oid::integer FROM pg_database WHERE datname = current_database()) AS db_id, 0 AS insert_pristine,
       0 AS delete_pristine, 1 AS backup
FROM (SELECT * FROM pg_catalog.redshift_tables WHERE kind = 'r' AND has_table_privilege(relation, 'SELECT') OFFSET 0) t;

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_PG_PROC_INFO.html
CREATE VIEW pg_catalog.pg_proc_info AS SELECT p.oid AS prooid, p.* FROM pg_proc p;

-- A warehouse of this machine shares nothing with others, and recommends nothing.
CREATE VIEW pg_catalog.svv_datashares AS
SELECT NULL::varchar(128) AS share_name, NULL::integer AS share_id, NULL::integer AS share_owner, NULL::varchar(128) AS source_database,
       NULL::varchar(128) AS consumer_database, NULL::varchar(8) AS share_type, NULL::timestamp AS createdate,
       NULL::boolean AS is_publicaccessible, NULL::varchar(256) AS share_acl, NULL::varchar(16) AS producer_account,
       NULL::varchar(64) AS producer_namespace
WHERE false;
CREATE VIEW pg_catalog.svv_alter_table_recommendations AS
SELECT NULL::varchar(30) AS type, NULL::varchar(128) AS database, NULL::integer AS table_id, NULL::integer AS group_id,
       NULL::varchar(1024) AS ddl, NULL::char(1) AS auto_eligible
WHERE false;

GRANT SELECT ON pg_catalog.stl_ddltext, pg_catalog.stl_utilitytext, pg_catalog.sys_procedure_call,
    pg_catalog.svl_stored_proc_call, pg_catalog.stv_recents, pg_catalog.stv_inflight, pg_catalog.svv_query_inflight,
    pg_catalog.stv_slices, pg_catalog.stv_tbl_perm, pg_catalog.pg_proc_info, pg_catalog.svv_datashares,
    pg_catalog.svv_alter_table_recommendations TO PUBLIC;

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLE.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_table_ddl(wanted regclass) RETURNS text STABLE STRICT LANGUAGE sql AS $$
    SELECT format(E'CREATE TABLE %I.%I (\n%s%s\n)\nDISTSTYLE %s%s;', t.schema_name, t.table_name,
        (SELECT string_agg(format('    %I %s%s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
             CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
             CASE WHEN a.attidentity <> '' THEN (
                      SELECT format(' %sIDENTITY(%s,%s)', CASE a.attidentity WHEN 'd' THEN 'GENERATED BY DEFAULT AS ' ELSE '' END,
                                    s.seqstart, s.seqincrement)
                      FROM pg_sequence s WHERE s.seqrelid = pg_get_serial_sequence(wanted::text, a.attname)::regclass)
                  WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
                  ELSE '' END,
             coalesce(' ENCODE ' || nullif(pg_catalog.redshift_encoding(wanted, t.layout, a.attname, a.atttypid), 'none'), ''),
             CASE WHEN t.layout ->> 'distkey' = a.attname THEN ' distkey' ELSE '' END), E',\n' ORDER BY a.attnum)
         FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = wanted AND a.attnum > 0 AND NOT a.attisdropped),
        CASE WHEN jsonb_array_length(coalesce(t.layout -> 'primary_key', '[]')) > 0 THEN format(E',\n    PRIMARY KEY (%s)',
            (SELECT string_agg(quote_ident(k), ', ' ORDER BY n)
             FROM jsonb_array_elements_text(t.layout -> 'primary_key') WITH ORDINALITY AS u (k, n))) ELSE '' END,
        upper(coalesce(t.layout ->> 'style', 'auto')),
        CASE WHEN jsonb_array_length(coalesce(t.layout -> 'sortkeys', '[]')) > 0 THEN format(E'\n%sSORTKEY ( %s )',
            CASE t.layout ->> 'sortstyle' WHEN 'interleaved' THEN 'INTERLEAVED ' ELSE '' END,
            (SELECT string_agg(quote_ident(k), ', ' ORDER BY n)
             FROM jsonb_array_elements_text(t.layout -> 'sortkeys') WITH ORDINALITY AS u (k, n))) ELSE '' END)
    FROM pg_catalog.redshift_tables t WHERE t.relation = wanted AND t.kind = 'r'
$$;

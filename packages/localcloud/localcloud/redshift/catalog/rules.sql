-- What Redshift enforces and PostgreSQL does not, as triggers on DDL; and the notes on the layout of tables.

-- Distribution, sort keys and encodings: PostgreSQL has none, the system views show them.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_layout (
    relation oid PRIMARY KEY,
    layout jsonb NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON pg_catalog.redshift_layout TO PUBLIC;

-- One row per COPY; Redshift keeps seven days of its system tables.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_loads (
    query_id bigint, table_name text, data_source text, status text, loaded_rows bigint, source_file_count integer,
    source_file_bytes bigint, start_time timestamp, end_time timestamp, error_message text
);
ALTER TABLE pg_catalog.redshift_loads
    ADD COLUMN IF NOT EXISTS file_format text NOT NULL DEFAULT 'PARQUET',
    ADD COLUMN IF NOT EXISTS user_name text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS session_id integer NOT NULL DEFAULT 0;
GRANT SELECT ON pg_catalog.redshift_loads TO PUBLIC;
-- One row per record that a COPY could not load.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_load_errors (
    query_id bigint, place integer, table_id bigint, start_time timestamp, file_name text, line_number bigint,
    column_name text, column_type text, column_length text, position integer, raw_line text, raw_field_value text,
    error_code integer, error_message text, user_name text, session_id integer
);
DELETE FROM pg_catalog.redshift_load_errors WHERE start_time < current_timestamp::timestamp - interval '7 days';
DELETE FROM pg_catalog.redshift_loads WHERE end_time < current_timestamp::timestamp - interval '7 days';

-- One row per UNLOAD, with its files.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_unloads (
    query_id bigint, user_name text, session_id integer, location text, file_format text, compression text, unloaded_rows bigint,
    start_time timestamp, end_time timestamp, error_message text, files jsonb
);
DELETE FROM pg_catalog.redshift_unloads WHERE end_time < current_timestamp::timestamp - interval '7 days';

-- The statements of the Data API, filled when a statement asks for them.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_queries (
    query_id bigint, user_name text, session_id integer, query_type text, status text, start_time timestamp, end_time timestamp,
    error_message text, query_text text
);
DELETE FROM pg_catalog.redshift_queries WHERE end_time < current_timestamp::timestamp - interval '7 days';

-- Those that run, as they were when a statement asked for them.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_running (
    query_id bigint, user_name text, session_id integer, start_time timestamp, query_text text
);

-- The isolation level of new transactions; SNAPSHOT is what new clusters and workgroups have.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_isolation (level text NOT NULL);
INSERT INTO pg_catalog.redshift_isolation
SELECT 'repeatable read' WHERE NOT EXISTS (SELECT FROM pg_catalog.redshift_isolation);
GRANT SELECT ON pg_catalog.redshift_isolation TO PUBLIC;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_note_layout(relation text, layout text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO pg_catalog.redshift_layout VALUES (relation::regclass, layout::jsonb) ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_copy_layout(relation text, parent text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO pg_catalog.redshift_layout
    SELECT $1::regclass, l.layout - 'primary_key' FROM pg_catalog.redshift_layout l
    WHERE l.relation = $2::regclass
    ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_change_layout(relation text, change text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO pg_catalog.redshift_layout AS l VALUES (relation::regclass, change::jsonb)
    ON CONFLICT (relation) DO UPDATE SET layout = l.layout || excluded.layout
        || jsonb_build_object('encodings', coalesce(l.layout -> 'encodings', '{}') || coalesce(excluded.layout -> 'encodings', '{}'))
$$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_require_varchar(relation text, col text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = relation::regclass AND attname = col AND atttypid = 'varchar'::regtype AND NOT attisdropped
    ) THEN
        RAISE EXCEPTION 'column "%" is not a VARCHAR column of relation "%": only the size of a VARCHAR can be changed', col, relation;
    END IF;
    IF EXISTS (
        SELECT FROM pg_catalog.redshift_layout l WHERE l.relation = $1::regclass
        AND lower(l.layout -> 'encodings' ->> col) IN ('bytedict', 'runlength', 'text255', 'text32k')
    ) THEN
        RAISE EXCEPTION 'cannot alter column "%" of relation "%": its compression encoding does not allow it', col, relation;
    END IF;
END $$;

-- varchar(n) and char(n) count bytes in Redshift and characters in PostgreSQL. Every table gets a check per such column;
-- its name carries the column's number and the width, so that a change of either is seen here and in the error message.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_count_bytes() RETURNS event_trigger
LANGUAGE plpgsql AS $$
DECLARE
    change record;
BEGIN
    FOR change IN
        WITH touched AS (
            SELECT DISTINCT r.oid AS relation FROM pg_event_trigger_ddl_commands() e
            JOIN pg_class r ON r.oid = e.objid AND e.classid = 'pg_class'::regclass AND r.relkind = 'r'
        ), wanted AS (
            SELECT t.relation, a.attname, format('bytes_%s_%s', a.attnum, a.atttypmod - 4) AS name, a.atttypmod - 4 AS width
            FROM touched t JOIN pg_attribute a ON a.attrelid = t.relation
            WHERE a.attnum > 0 AND NOT a.attisdropped AND a.atttypmod > 4
              AND a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype)
        ), present AS (
            SELECT t.relation, c.conname AS name FROM touched t JOIN pg_constraint c ON c.conrelid = t.relation
            WHERE c.contype = 'c' AND c.conname ~ '^bytes_[0-9]+_[0-9]+$'
        ), parts AS (
            SELECT relation, format('DROP CONSTRAINT %I', p.name) AS part
            FROM present p WHERE NOT EXISTS (SELECT FROM wanted w WHERE (w.relation, w.name) = (p.relation, p.name))
            UNION ALL
            SELECT relation, format('ADD CONSTRAINT %I CHECK (octet_length(%I) <= %s)', w.name, w.attname, w.width)
            FROM wanted w WHERE NOT EXISTS (SELECT FROM present p WHERE (w.relation, w.name) = (p.relation, p.name))
        )
        SELECT format('ALTER TABLE %s %s', relation::regclass, string_agg(part, ', ')) AS command FROM parts GROUP BY relation
    LOOP
        EXECUTE change.command;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_forget_layout() RETURNS event_trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pg_catalog.redshift_layout
    WHERE relation IN (SELECT objid FROM pg_event_trigger_dropped_objects() WHERE classid = 'pg_class'::regclass);
END $$;

DROP EVENT TRIGGER IF EXISTS redshift_count_bytes;
CREATE EVENT TRIGGER redshift_count_bytes ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
    EXECUTE FUNCTION pg_catalog.redshift_count_bytes();
DROP EVENT TRIGGER IF EXISTS redshift_forget_layout;
CREATE EVENT TRIGGER redshift_forget_layout ON sql_drop
    WHEN TAG IN ('DROP TABLE', 'DROP SCHEMA', 'DROP OWNED')
    EXECUTE FUNCTION pg_catalog.redshift_forget_layout();

-- A procedure may be called by its owner and by superusers alone until it is granted; PostgreSQL lets everybody call it.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-security-and-privileges.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_keep_procedures() RETURNS event_trigger
LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT p.oid::regprocedure::text AS name FROM pg_event_trigger_ddl_commands() e
        JOIN pg_proc p ON p.oid = e.objid AND e.classid = 'pg_proc'::regclass
        WHERE p.prokind = 'p' AND p.proacl IS NULL AND p.pronamespace <> 'pg_catalog'::regnamespace
    LOOP
        EXECUTE 'REVOKE EXECUTE ON PROCEDURE ' || made.name || ' FROM PUBLIC';
    END LOOP;
END $$;
DROP EVENT TRIGGER IF EXISTS redshift_keep_procedures;
CREATE EVENT TRIGGER redshift_keep_procedures ON ddl_command_end
    WHEN TAG IN ('CREATE PROCEDURE')
    EXECUTE FUNCTION pg_catalog.redshift_keep_procedures();

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-create-sql-command.html (limitations)
CREATE OR REPLACE FUNCTION pg_catalog.redshift_check_materialized(made text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    SELECT CASE WHEN d.refclassid = 'pg_class'::regclass THEN 'view ' || d.refobjid::regclass::text
                ELSE 'function ' || d.refobjid::regprocedure::text END
    INTO wrong
    FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    WHERE r.ev_class = made::regclass AND (
        (d.refclassid = 'pg_class'::regclass
         AND EXISTS (SELECT FROM pg_class c WHERE c.oid = d.refobjid AND c.relkind = 'v'))
        OR (d.refclassid = 'pg_proc'::regclass
            AND EXISTS (SELECT FROM pg_proc p WHERE p.oid = d.refobjid AND p.pronamespace <> 'pg_catalog'::regnamespace)))
    LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'A materialized view cannot reference standard views, system views or user-defined functions: %', wrong;
    END IF;
END $$;

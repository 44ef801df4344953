-- Views that are bound late: what they read is looked up when they are read. PostgreSQL binds a view when it is made, so
-- here such a view reads a function that runs the definition as text; its columns are written down again whenever a
-- statement that reads the view finds them to be others.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html (WITH NO SCHEMA BINDING)

CREATE SCHEMA IF NOT EXISTS pg_ext_views;

CREATE TABLE IF NOT EXISTS pg_catalog.redshift_late_views (
    relation oid PRIMARY KEY,
    -- As it was written, and the names that the view gives its columns, if it does.
    definition text NOT NULL,
    names text[] NOT NULL,
    -- As PostgreSQL runs it, with the numbers and modifiers of the columns' types; null when it is not bound yet.
    query text,
    columns text[],
    types oid[],
    modifiers integer[],
    routine text
);
GRANT SELECT ON pg_catalog.redshift_late_views TO PUBLIC;

-- Whoever reads a view may find it outdated, and only its owner may say what it reads: the warehouse itself proves by
-- this word that it acts for him. Nobody else can read it.
CREATE TABLE IF NOT EXISTS pg_catalog.redshift_binder (word text NOT NULL);
DELETE FROM pg_catalog.redshift_binder;
INSERT INTO pg_catalog.redshift_binder VALUES (gen_random_uuid()::text || gen_random_uuid()::text);

CREATE OR REPLACE FUNCTION pg_catalog.redshift_unbound(name text) RETURNS integer STABLE LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what the late-binding view % reads was not there when it was looked up last', name;
END $$;

-- A procedure, so that the statement gives no rows.
CREATE OR REPLACE PROCEDURE pg_catalog.redshift_make_late_view(name text, is_replacement boolean, schemas text[])
LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
    known oid := to_regclass(name);
BEGIN
    FOREACH wanted IN ARRAY schemas LOOP
        PERFORM quote_ident(wanted)::regnamespace;
    END LOOP;
    IF NOT is_replacement OR known IS NULL OR EXISTS (SELECT FROM pg_class WHERE oid = known AND relkind <> 'v') THEN
        EXECUTE format('CREATE VIEW %s AS SELECT pg_catalog.redshift_unbound(%L) AS "?column?"', name, name);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_require_owner(view oid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = view AND pg_has_role(session_user, relowner, 'USAGE')) THEN
        RAISE EXCEPTION 'must be owner of view %', view::regclass;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_note_late_view(name text, definition text, names text[]) RETURNS void
SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.redshift_require_owner(name::regclass);
    INSERT INTO pg_catalog.redshift_late_views AS v (relation, definition, names)
    VALUES (name::regclass, $2, $3)
    ON CONFLICT (relation) DO UPDATE SET definition = excluded.definition, names = excluded.names;
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_bind_late_view(
    view oid, query text, columns text[], types oid[], modifiers integer[], word text
) RETURNS void
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    known pg_catalog.redshift_late_views;
    class pg_class;
    privilege record;
    place text;
    routine text;
    remark text := obj_description(view, 'pg_class');
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.redshift_binder b WHERE b.word = $6) THEN
        PERFORM pg_catalog.redshift_require_owner(view);
    END IF;
    SELECT * INTO STRICT known FROM pg_catalog.redshift_late_views l WHERE l.relation = view;
    SELECT * INTO STRICT class FROM pg_class c WHERE c.oid = view;
    place := format('%I.%I', class.relnamespace::regnamespace::name, class.relname);
    IF known.routine IS NULL OR (known.columns, known.types, known.modifiers) IS DISTINCT FROM (columns, types, modifiers) THEN
        -- Forgets the view and what it read.
        EXECUTE format('DROP VIEW %s', place);
        routine := 'pg_ext_views.' || quote_ident('view_' || replace(gen_random_uuid()::text, '-', ''));
    END IF;
    -- The owner of the view reads for it, and a text means the same whatever the session says of backslashes.
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION %s() RETURNS TABLE (%s) STABLE SECURITY DEFINER'
        ' SET standard_conforming_strings = off SET escape_string_warning = off LANGUAGE plpgsql AS %L',
        coalesce(routine, known.routine),
        (SELECT string_agg(format('c%s %s', n, format_type(t, NULL)), ', ' ORDER BY n)
         FROM unnest(types) WITH ORDINALITY AS u (t, n)),
        format('BEGIN RETURN QUERY EXECUTE %L; END', query));
    EXECUTE format('ALTER FUNCTION %s() OWNER TO %I', coalesce(routine, known.routine), class.relowner::regrole::name);
    IF routine IS NULL THEN
        UPDATE pg_catalog.redshift_late_views l SET query = $2 WHERE l.relation = view;
        RETURN;
    END IF;
    EXECUTE format('CREATE VIEW %s AS SELECT %s FROM %s()', place,
        (SELECT string_agg(format('c%s::%s AS %I', n, format_type(t, m), c), ', ' ORDER BY n)
         FROM unnest(types, modifiers, columns) WITH ORDINALITY AS u (t, m, c, n)), routine);
    EXECUTE format('ALTER VIEW %s OWNER TO %I', place, class.relowner::regrole::name);
    FOR privilege IN SELECT * FROM aclexplode(class.relacl) a WHERE a.grantee <> class.relowner LOOP
        EXECUTE format('GRANT %s ON %s TO %s%s', privilege.privilege_type, place,
            CASE privilege.grantee WHEN 0 THEN 'PUBLIC' ELSE privilege.grantee::regrole::text END,
            CASE WHEN privilege.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    IF remark IS NOT NULL THEN
        EXECUTE format('COMMENT ON VIEW %s IS %L', place, remark);
    END IF;
    INSERT INTO pg_catalog.redshift_late_views
    VALUES (place::regclass, known.definition, known.names, query, columns, types, modifiers, routine);
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_forget_late_view() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    gone text;
BEGIN
    FOR gone IN
        DELETE FROM pg_catalog.redshift_late_views WHERE relation IN (
            SELECT objid FROM pg_event_trigger_dropped_objects() WHERE classid = 'pg_class'::regclass)
        RETURNING routine
    LOOP
        IF gone IS NOT NULL THEN
            EXECUTE format('DROP FUNCTION %s()', gone);
        END IF;
    END LOOP;
END $$;

DROP EVENT TRIGGER IF EXISTS redshift_forget_late_view;
CREATE EVENT TRIGGER redshift_forget_late_view ON sql_drop
    WHEN TAG IN ('DROP VIEW', 'DROP TABLE', 'DROP SCHEMA', 'DROP OWNED', 'DROP MATERIALIZED VIEW')
    EXECUTE FUNCTION pg_catalog.redshift_forget_late_view();

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/PG_GET_LATE_BINDING_VIEW_COLS.html
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_late_binding_view_cols() RETURNS SETOF record STABLE LANGUAGE sql AS $$
    SELECT n.nspname, c.relname, u.name::name, format_type(u.type, u.modifier)::varchar, u.place::integer
    FROM pg_catalog.redshift_late_views v
    JOIN pg_class c ON c.oid = v.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL unnest(v.columns, v.types, v.modifiers) WITH ORDINALITY AS u (name, type, modifier, place)
    ORDER BY n.nspname, c.relname, u.place
$$;

-- The definition of a view that is bound late is what made it.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
DO $$
BEGIN
    IF to_regprocedure('pg_catalog.pg_bound_viewdef(oid)') IS NULL THEN
        ALTER FUNCTION pg_catalog.pg_get_viewdef(oid) RENAME TO pg_bound_viewdef;
        ALTER FUNCTION pg_catalog.pg_get_viewdef(oid, boolean) RENAME TO pg_bound_viewdef;
    END IF;
END $$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_viewdef(relation oid) RETURNS text STABLE STRICT LANGUAGE sql
RETURN coalesce(
    (SELECT v.definition || ' with no schema binding;' FROM pg_catalog.redshift_late_views v WHERE v.relation = $1),
    pg_bound_viewdef($1));
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_viewdef(relation oid, pretty boolean) RETURNS text STABLE STRICT LANGUAGE sql
RETURN coalesce(
    (SELECT v.definition || ' with no schema binding;' FROM pg_catalog.redshift_late_views v WHERE v.relation = $1),
    pg_bound_viewdef($1, $2));
CREATE OR REPLACE VIEW pg_catalog.pg_views AS
SELECT n.nspname AS schemaname, c.relname AS viewname, pg_get_userbyid(c.relowner) AS viewowner, pg_get_viewdef(c.oid) AS definition
FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v';

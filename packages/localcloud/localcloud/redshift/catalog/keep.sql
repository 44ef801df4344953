-- Users' views over system views go before these are made again, and come back behind them (restore.sql).

SET LOCAL search_path = '';
CREATE TEMP TABLE redshift_kept ON COMMIT DROP AS
WITH RECURSIVE dependents AS (
    SELECT r.ev_class AS view
    FROM pg_depend d
    JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_class c ON c.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.oid >= 16384 AND c.relkind = 'v' AND r.ev_class <> c.oid
    UNION
    SELECT r.ev_class
    FROM dependents p
    JOIN pg_depend d ON d.refobjid = p.view AND d.refclassid = 'pg_class'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    WHERE r.ev_class <> p.view
)
SELECT c.oid AS view, format('%I.%I', n.nspname, c.relname) AS place, pg_get_viewdef(c.oid) AS query, c.relowner AS owner,
       c.relacl AS acl, obj_description(c.oid, 'pg_class') AS remark
FROM dependents p JOIN pg_class c ON c.oid = p.view JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'v' AND n.nspname <> 'pg_catalog';

DO $$
DECLARE
    kept record;
BEGIN
    -- The last that was made rests on the others.
    FOR kept IN SELECT * FROM pg_temp.redshift_kept ORDER BY view DESC LOOP
        EXECUTE format('DROP VIEW %s', kept.place);
    END LOOP;
END $$;

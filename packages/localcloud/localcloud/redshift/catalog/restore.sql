-- What keep.sql took away. A view that reads what is no longer there stays away; the server's log says so.

DO $$
DECLARE
    kept record;
    privilege record;
BEGIN
    FOR kept IN SELECT * FROM pg_temp.redshift_kept ORDER BY view LOOP
        BEGIN
            EXECUTE format('CREATE VIEW %s AS %s', kept.place, kept.query);
            EXECUTE format('ALTER VIEW %s OWNER TO %I', kept.place, kept.owner::regrole::name);
            FOR privilege IN SELECT * FROM aclexplode(kept.acl) a WHERE a.grantee <> kept.owner LOOP
                EXECUTE format('GRANT %s ON %s TO %s', privilege.privilege_type, kept.place,
                    CASE privilege.grantee WHEN 0 THEN 'PUBLIC' ELSE privilege.grantee::regrole::text END);
            END LOOP;
            IF kept.remark IS NOT NULL THEN
                EXECUTE format('COMMENT ON VIEW %s IS %L', kept.place, kept.remark);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'view % is gone, its system view has changed: %', kept.place, SQLERRM;
        END;
    END LOOP;
END $$;

-- Who may name which IAM role in which command. Everybody may name all of them until that is taken from PUBLIC; who owns the
-- database always may.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html (ASSUMEROLE),
-- https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT-usage-notes.html

DO $$
BEGIN
    IF to_regclass('pg_catalog.redshift_assumerole') IS NULL THEN
        CREATE TABLE pg_catalog.redshift_assumerole (
            grantee oid, role text, command text, PRIMARY KEY (grantee, role, command)
        );
        INSERT INTO pg_catalog.redshift_assumerole
        SELECT 0, 'all', unnest(ARRAY['copy', 'unload', 'external function', 'create model']);
    END IF;
END $$;

-- A procedure, so that the statement gives no rows.
CREATE OR REPLACE PROCEDURE pg_catalog.redshift_change_assumerole(is_grant boolean, roles text[], grantees text[], commands text[])
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    name text;
    who oid;
BEGIN
    IF NOT pg_has_role(session_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER') THEN
        RAISE EXCEPTION 'must be superuser to grant or revoke ASSUMEROLE';
    END IF;
    FOREACH name IN ARRAY grantees LOOP
        who := CASE name WHEN 'public' THEN 0 ELSE name::regrole::oid END;
        IF is_grant THEN
            INSERT INTO pg_catalog.redshift_assumerole SELECT who, r, c FROM unnest(roles) r, unnest(commands) c
            ON CONFLICT DO NOTHING;
        ELSE
            DELETE FROM pg_catalog.redshift_assumerole a
            WHERE a.grantee = who AND ('all' = ANY (roles) OR a.role = ANY (roles)) AND a.command = ANY (commands);
        END IF;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_may_assume(wanted text, command text) RETURNS boolean
SECURITY DEFINER STABLE LANGUAGE sql AS $$
    SELECT pg_has_role(session_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER')
        OR EXISTS (SELECT FROM pg_catalog.redshift_assumerole a
                   WHERE a.role IN ('all', $1) AND a.command = $2
                       AND (a.grantee = 0 OR pg_has_role(session_user, a.grantee, 'MEMBER')))
$$;

-- The procedures that bring aggregates up to date. Placeholders are filled by sluice/warehouse/procedure.py.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_PLpgSQL-statements.html. Names of variables begin with an
-- underscore, because a variable would take the place of a column of the same name.

-- name: create_guard
-- Whoever refreshes an aggregate holds the lock on its guard until the end of the transaction. The aggregate itself cannot
-- be its guard: LOCK keeps readers out, too.
CREATE TABLE IF NOT EXISTS {{guard}} (nothing boolean);

-- name: procedure
-- Replaces what the aggregate says of the given days, which are ISO dates with commas between them.
CREATE OR REPLACE PROCEDURE {{procedure}}(_dates varchar(65535))
AS $$
DECLARE
    _entry varchar(65535);
    _wanted varchar(65535) := '';
    _days varchar(65535);
BEGIN
    LOCK {{guard}};
    IF _dates IS NULL OR TRIM(_dates) = '' THEN
        RETURN;
    END IF;
    FOR _place IN 1 .. REGEXP_COUNT(_dates, ',') + 1 LOOP
        _entry := TRIM(SPLIT_PART(_dates, ',', _place));
        IF _entry !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
            RAISE EXCEPTION '{{aggregate_name}}: "%" is not a valid date: write dates as 2026-11-20,2026-11-21', _entry;
        END IF;
        IF _place > 1 THEN
            _wanted := _wanted || ', ';
        END IF;
        _wanted := _wanted || 'DATE ''' || _entry || '''';
    END LOOP;
{{sources}}
    EXECUTE 'DELETE FROM {{aggregate}} WHERE "business_date" IN (' || _wanted || ')';
    INSERT INTO {{aggregate}}
{{rows}};
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;

-- name: source
-- Which rows of one table count, and their newest versions among the published files. The target tells which rows there
-- are and on which day each arrived, so that only the partitions of those days are read. The lists are in no order:
-- Redshift takes several LISTAGG of one statement only when all of them have the same.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_LISTAGG.html
    DROP TABLE IF EXISTS {{current}};
    CREATE TEMP TABLE {{current}} ({{current_columns}});
    {{fill_current}};
    SELECT INTO _days LISTAGG(
        '("_published"."year" = ''' || "_year" || ''' AND "_published"."month" = ''' || "_month"
        || ''' AND "_published"."day" IN (' || "_listed" || '))', ' OR '
    )
    FROM (
        SELECT "_year", "_month", LISTAGG('''' || "_day" || '''', ', ') AS "_listed"
        FROM (
            SELECT DISTINCT SUBSTRING("_arrived", 1, 4) AS "_year", SUBSTRING("_arrived", 5, 2) AS "_month",
                SUBSTRING("_arrived", 7, 2) AS "_day"
            FROM {{current}}
        ) AS "_each"
        GROUP BY "_year", "_month"
    ) AS "_months";
    DROP TABLE IF EXISTS {{newest}};
    CREATE TEMP TABLE {{newest}} ({{newest_columns}});
    IF _days IS NOT NULL THEN
        EXECUTE {{before_days}} || _days || {{after_days}};
    END IF;

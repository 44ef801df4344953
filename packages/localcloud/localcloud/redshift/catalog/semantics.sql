-- What PostgreSQL's own functions, aggregates, operators and casts mean in Redshift. Changed here, in PostgreSQL's catalog,
-- and not in the text of statements: so it holds in queries, views, procedures and dynamic SQL alike, through the
-- Data API and through the port.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-and-postgres-sql.html and the pages named below.

-- The views that are made last rest on the others, and go before them.
DROP VIEW IF EXISTS pg_catalog.svv_redshift_tables, pg_catalog.svv_redshift_columns, pg_catalog.svv_redshift_schemas,
    pg_catalog.svv_redshift_databases, pg_catalog.svv_redshift_functions, pg_catalog.svv_all_schemas,
    pg_catalog.svv_all_tables, pg_catalog.svv_all_columns, pg_catalog.svv_user_info, pg_catalog.svl_user_info,
    pg_catalog.svv_roles, pg_catalog.svv_role_grants, pg_catalog.svv_user_grants, pg_catalog.svv_relation_privileges,
    pg_catalog.svv_schema_privileges, pg_catalog.svv_database_privileges, pg_catalog.svv_function_privileges,
    pg_catalog.svv_default_privileges, pg_catalog.svv_mv_info, pg_catalog.stv_mv_info, pg_catalog.svv_transactions,
    pg_catalog.stv_locks, pg_catalog.stv_sessions, pg_catalog.pg_user_info, pg_catalog.pg_class_info,
    pg_catalog.redshift_own_queries, pg_catalog.redshift_query_lines, pg_catalog.redshift_own_unloads, pg_catalog.stl_load_errors, pg_catalog.stl_load_commits,
    pg_catalog.stl_ddltext, pg_catalog.stl_utilitytext, pg_catalog.sys_procedure_call,
    pg_catalog.svl_stored_proc_call, pg_catalog.stv_recents, pg_catalog.stv_inflight, pg_catalog.svv_query_inflight,
    pg_catalog.stv_slices, pg_catalog.stv_tbl_perm, pg_catalog.pg_proc_info, pg_catalog.svv_datashares,
    pg_catalog.svv_alter_table_recommendations,
    pg_catalog.redshift_table_constraints CASCADE;

-- A function of PostgreSQL with other results than Redshift's of the same name is called pg_... from now on. It keeps its
-- number: whatever uses it inside PostgreSQL goes on doing so.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT p.oid::regprocedure AS routine, p.proname AS name FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.oid < 16384 AND (
            p.proname IN ('regexp_replace', 'regexp_substr', 'regexp_instr', 'regexp_count', 'to_date', 'concat', 'version',
                          'cbrt', 'date_add')
            -- What takes whole numbers or decimals and gives decimals; those of floats are there for all then.
            OR (p.proname IN ('stddev', 'stddev_samp', 'stddev_pop', 'variance', 'var_samp', 'var_pop')
                AND p.proargtypes[0] <> 'double precision'::regtype)
            OR (p.proname = 'avg' AND p.proargtypes[0] NOT IN ('double precision'::regtype, 'interval'::regtype))
            OR (p.proname = 'sum' AND p.proargtypes[0] = 'real'::regtype)
            OR (p.proname IN ('log', 'random') AND p.pronargs = 2)
            OR (p.proname IN ('extract', 'date_part') AND p.proargtypes[1] <> 'interval'::regtype)
        )
    LOOP
        EXECUTE format('ALTER ROUTINE %s RENAME TO %I', found.routine, 'pg_' || found.name);
    END LOOP;
END $$;

-- Blanks at the end of texts are without meaning in comparisons, and so in joins, groups, DISTINCT, set operations and
-- MERGE: the operators and the sorting and hashing of text become those of char(n), which reads the same bytes so.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html (significance of trailing blanks)
UPDATE pg_operator o SET oprcode = c.new::regproc
FROM (VALUES ('texteq', 'bpchareq'), ('textne', 'bpcharne'), ('text_lt', 'bpcharlt'), ('text_le', 'bpcharle'),
             ('text_gt', 'bpchargt'), ('text_ge', 'bpcharge')) AS c (old, new)
WHERE o.oprleft = 'text'::regtype AND o.oprright = 'text'::regtype AND o.oprcode = c.old::regproc;

UPDATE pg_amproc a SET amproc = c.new::regproc
FROM (VALUES ('bttextcmp', 'bpcharcmp'), ('bttextsortsupport', 'bpchar_sortsupport'), ('hashtext', 'hashbpchar'),
             ('hashtextextended', 'hashbpcharextended')) AS c (old, new)
WHERE a.amproclefttype = 'text'::regtype AND a.amprocrighttype = 'text'::regtype AND a.amproc = c.old::regproc;

-- Numbers and dates become texts where a text is asked for.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html (implicit conversion types)
DO $$
DECLARE
    source text;
BEGIN
    FOREACH source IN ARRAY ARRAY['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision', 'date',
                                  'timestamp', 'timestamptz', 'time', 'timetz', 'oid']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_cast WHERE castsource = source::regtype AND casttarget = 'text'::regtype) THEN
            EXECUTE format('CREATE CAST (%s AS text) WITH INOUT AS IMPLICIT', source);
        END IF;
    END LOOP;
END $$;
-- PostgreSQL joins a text with anything by operators of their own; with the casts there would be two ways.
UPDATE pg_operator SET oprname = '|||'
WHERE oprname = '||' AND 'text'::regtype IN (oprleft, oprright) AND 'anynonarray'::regtype IN (oprleft, oprright);

-- AVG of whole numbers is a BIGINT without the fraction; of decimals it keeps their scale.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_average(state bigint[]) RETURNS bigint IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN CASE WHEN state[1] > 0 THEN state[2] / state[1] END;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_average_step(state numeric[], value numeric) RETURNS numeric[]
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    state[1] := state[1] + 1;
    state[2] := state[2] + value;
    RETURN state;
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_average_combine(one numeric[], other numeric[]) RETURNS numeric[]
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN ARRAY[one[1] + other[1], one[2] + other[2]];

CREATE OR REPLACE FUNCTION pg_catalog.redshift_truncated_quotient(dividend numeric, divisor numeric, digits integer)
RETURNS numeric IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN round(div(dividend * power(10::numeric, digits), divisor) / power(10::numeric, digits), digits);

CREATE OR REPLACE FUNCTION pg_catalog.redshift_average_decimal(state numeric[]) RETURNS numeric
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN CASE WHEN state[1] > 0 THEN pg_catalog.redshift_truncated_quotient(state[2], state[1], scale(state[2])) END;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_average_whole(state numeric[]) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN CASE WHEN state[1] > 0 THEN div(state[2], state[1])::bigint END;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_average_step(state numeric[], value bigint) RETURNS numeric[]
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    state[1] := state[1] + 1;
    state[2] := state[2] + value;
    RETURN state;
END $$;

CREATE OR REPLACE AGGREGATE pg_catalog.avg(smallint) (
    SFUNC = int2_avg_accum, STYPE = bigint[], FINALFUNC = pg_catalog.redshift_average, INITCOND = '{0,0}',
    COMBINEFUNC = int4_avg_combine, MSFUNC = int2_avg_accum, MINVFUNC = int2_avg_accum_inv, MSTYPE = bigint[],
    MFINALFUNC = pg_catalog.redshift_average, MINITCOND = '{0,0}', PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE pg_catalog.avg(integer) (
    SFUNC = int4_avg_accum, STYPE = bigint[], FINALFUNC = pg_catalog.redshift_average, INITCOND = '{0,0}',
    COMBINEFUNC = int4_avg_combine, MSFUNC = int4_avg_accum, MINVFUNC = int4_avg_accum_inv, MSTYPE = bigint[],
    MFINALFUNC = pg_catalog.redshift_average, MINITCOND = '{0,0}', PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE pg_catalog.avg(bigint) (
    SFUNC = pg_catalog.redshift_average_step, STYPE = numeric[], FINALFUNC = pg_catalog.redshift_average_whole,
    INITCOND = '{0,0}', COMBINEFUNC = pg_catalog.redshift_average_combine, PARALLEL = SAFE);
CREATE OR REPLACE AGGREGATE pg_catalog.avg(numeric) (
    SFUNC = pg_catalog.redshift_average_step, STYPE = numeric[], FINALFUNC = pg_catalog.redshift_average_decimal,
    INITCOND = '{0,0}', COMBINEFUNC = pg_catalog.redshift_average_combine, PARALLEL = SAFE);

-- As functions of windows, for what PostgreSQL has as aggregates of a whole group only.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_WF_PERCENTILE_CONT.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_percentile_step(state double precision[], share double precision, value double precision)
RETURNS double precision[] IMMUTABLE LANGUAGE sql
RETURN CASE WHEN value IS NULL THEN state ELSE array_append(coalesce(state, ARRAY[share]), value) END;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_percentile(state double precision[]) RETURNS double precision
IMMUTABLE STRICT LANGUAGE sql
RETURN (SELECT percentile_cont(state[1]) WITHIN GROUP (ORDER BY value) FROM unnest(state[2:]) AS t (value));

CREATE OR REPLACE AGGREGATE pg_catalog.redshift_percentile_cont(double precision, double precision) (
    SFUNC = pg_catalog.redshift_percentile_step, STYPE = double precision[], FINALFUNC = pg_catalog.redshift_percentile);

CREATE OR REPLACE FUNCTION pg_catalog.redshift_discrete(share double precision, found anyarray) RETURNS anyelement
IMMUTABLE STRICT LANGUAGE sql AS $$
    SELECT percentile_disc(share) WITHIN GROUP (ORDER BY value) FROM unnest(found) AS t (value)
$$;

-- The n-th value from the end: what LAG ... IGNORE NULLS asks of the values before a row that are not null.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_from_end(found anyarray, place integer) RETURNS anyelement
IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT found[cardinality(found) - place + 1] $$;

-- Dates.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_part(name text) RETURNS text IMMUTABLE STRICT LANGUAGE sql
RETURN CASE
    WHEN lower(name) IN ('millennium', 'millennia', 'mil', 'mils') THEN 'millennium'
    WHEN lower(name) IN ('century', 'centuries', 'c', 'cent', 'cents') THEN 'century'
    WHEN lower(name) IN ('decade', 'decades', 'dec', 'decs') THEN 'decade'
    WHEN lower(name) IN ('year', 'years', 'y', 'yr', 'yrs') THEN 'year'
    WHEN lower(name) IN ('quarter', 'quarters', 'qtr', 'qtrs') THEN 'quarter'
    WHEN lower(name) IN ('month', 'months', 'mon', 'mons') THEN 'month'
    WHEN lower(name) IN ('week', 'weeks', 'w') THEN 'week'
    WHEN lower(name) IN ('dayofweek', 'dow', 'dw', 'weekday') THEN 'dow'
    WHEN lower(name) IN ('dayofyear', 'doy', 'dy', 'yearday') THEN 'doy'
    WHEN lower(name) IN ('day', 'days', 'd') THEN 'day'
    WHEN lower(name) IN ('hour', 'hours', 'h', 'hr', 'hrs') THEN 'hour'
    WHEN lower(name) IN ('minute', 'minutes', 'm', 'min', 'mins') THEN 'minute'
    WHEN lower(name) IN ('second', 'seconds', 's', 'sec', 'secs') THEN 'second'
    WHEN lower(name) IN ('millisecond', 'milliseconds', 'ms', 'msec', 'msecs', 'msecond', 'mseconds', 'millisec',
                         'millisecs', 'millisecon') THEN 'milliseconds'
    WHEN lower(name) IN ('microsecond', 'microseconds', 'microsec', 'microsecs', 'usecond', 'useconds', 'us', 'usec',
                         'usecs') THEN 'microseconds'
    WHEN lower(name) IN ('epoch', 'timezone', 'timezone_hour', 'timezone_minute') THEN lower(name)
END;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_known_part(name text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
    part text := pg_catalog.redshift_part(name);
BEGIN
    IF part IS NULL THEN
        RAISE EXCEPTION 'invalid date part "%"', name;
    END IF;
    RETURN part;
END $$;

-- The part alone: the milliseconds of a moment are those of its second.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_EXTRACT_function.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_part_of(part text, moment timestamp) RETURNS double precision
IMMUTABLE STRICT LANGUAGE sql
RETURN CASE pg_catalog.redshift_known_part(part)
    WHEN 'second' THEN floor(pg_date_part('second', moment))
    WHEN 'milliseconds' THEN floor(pg_date_part('milliseconds', moment))::bigint % 1000
    WHEN 'microseconds' THEN pg_date_part('microseconds', moment)::bigint % 1000000
    WHEN 'epoch' THEN floor(pg_date_part('epoch', moment))
    ELSE pg_date_part(pg_catalog.redshift_part(part), moment)
END;

CREATE OR REPLACE FUNCTION pg_catalog.date_part(part text, moment timestamp) RETURNS double precision
IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.redshift_part_of(part, moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_part(part text, moment date) RETURNS double precision
IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.redshift_part_of(part, moment::timestamp);
CREATE OR REPLACE FUNCTION pg_catalog.date_part(part text, moment timestamptz) RETURNS double precision
STABLE STRICT LANGUAGE sql
RETURN CASE WHEN part LIKE 'timezone%' THEN pg_date_part(part, moment)
    ELSE pg_catalog.redshift_part_of(part, moment AT TIME ZONE 'UTC') END;
CREATE OR REPLACE FUNCTION pg_catalog.date_part(part text, moment time) RETURNS double precision
IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.redshift_part_of(part, '1970-01-01'::date + moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_part(part text, moment timetz) RETURNS double precision
STABLE STRICT LANGUAGE sql
RETURN pg_catalog.redshift_part_of(part, '1970-01-01'::date + (moment AT TIME ZONE 'UTC')::time);

CREATE OR REPLACE FUNCTION pg_catalog.extract(part text, moment timestamp) RETURNS integer
IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.date_part(part, moment)::integer;
CREATE OR REPLACE FUNCTION pg_catalog.extract(part text, moment date) RETURNS integer
IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.date_part(part, moment)::integer;
CREATE OR REPLACE FUNCTION pg_catalog.extract(part text, moment timestamptz) RETURNS integer
STABLE STRICT LANGUAGE sql RETURN pg_catalog.date_part(part, moment)::integer;
CREATE OR REPLACE FUNCTION pg_catalog.extract(part text, moment time) RETURNS integer
IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.date_part(part, moment)::integer;
CREATE OR REPLACE FUNCTION pg_catalog.extract(part text, moment timetz) RETURNS integer
STABLE STRICT LANGUAGE sql RETURN pg_catalog.date_part(part, moment)::integer;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_epoch(moment timestamp) RETURNS bigint
IMMUTABLE STRICT LANGUAGE sql RETURN floor(pg_extract('epoch', moment))::bigint;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_epoch(moment timestamptz) RETURNS bigint
IMMUTABLE STRICT LANGUAGE sql RETURN floor(pg_extract('epoch', moment))::bigint;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_epoch(moment date) RETURNS bigint
IMMUTABLE STRICT LANGUAGE sql RETURN floor(pg_extract('epoch', moment::timestamp))::bigint;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_epoch(moment interval) RETURNS bigint
IMMUTABLE STRICT LANGUAGE sql RETURN floor(extract(epoch FROM moment))::bigint;
CREATE OR REPLACE FUNCTION pg_catalog.date_part_year(moment date) RETURNS integer
IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.date_part('year', moment)::integer;

-- DATE_TRUNC of a date is a timestamp.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_DATE_TRUNC.html
CREATE OR REPLACE FUNCTION pg_catalog.date_trunc(part text, moment date) RETURNS timestamp
IMMUTABLE STRICT LANGUAGE sql RETURN date_trunc(pg_catalog.redshift_known_part(part), moment::timestamp);

CREATE OR REPLACE FUNCTION pg_catalog.date_trunc(part text, moment text) RETURNS timestamp
STABLE STRICT LANGUAGE sql RETURN date_trunc(pg_catalog.redshift_known_part(part), moment::timestamp);

-- Joins: null when one of the two is null.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CONCAT.html
CREATE OR REPLACE FUNCTION pg_catalog.concat(one text, other text) RETURNS text IMMUTABLE STRICT LANGUAGE sql RETURN one || other;

-- What a query computes with decimals, where its types say that PostgreSQL's result would be another.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_divided(dividend numeric, divisor numeric, digits integer) RETURNS numeric
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN pg_catalog.redshift_truncated_quotient(dividend, divisor, digits);

CREATE OR REPLACE FUNCTION pg_catalog.redshift_fitting(value numeric, digits integer) RETURNS numeric
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    IF abs(value) >= power(10::numeric, 38 - digits) THEN
        RAISE EXCEPTION 'Numeric data overflow (result precision)';
    END IF;
    RETURN value;
END $$;

-- Redshift's functions that PostgreSQL lacks, or has with another meaning (those begin with redshift_; the dialect renames).
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html

CREATE OR REPLACE FUNCTION pg_catalog.getdate() RETURNS timestamp STABLE LANGUAGE sql
RETURN date_trunc('second', statement_timestamp()::timestamp);

CREATE OR REPLACE FUNCTION pg_catalog.sysdate() RETURNS timestamp STABLE LANGUAGE sql
RETURN transaction_timestamp()::timestamp;

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, moment timestamp) RETURNS timestamp
IMMUTABLE LANGUAGE sql
RETURN moment + CASE part
    WHEN 'quarter' THEN amount * 3 * interval '1 month'
    ELSE amount * ('1 ' || CASE part WHEN 'epoch' THEN 'second' WHEN 'dow' THEN 'day' WHEN 'doy' THEN 'day' ELSE part END)::interval
END;

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, moment timestamptz) RETURNS timestamptz
STABLE LANGUAGE sql
RETURN pg_catalog.dateadd(part, amount, moment AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, moment date) RETURNS timestamp
IMMUTABLE LANGUAGE sql
RETURN pg_catalog.dateadd(part, amount, moment::timestamp);

-- The number of boundaries of the part between the two moments.
CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, from_moment timestamp, to_moment timestamp) RETURNS bigint
IMMUTABLE LANGUAGE sql
RETURN CASE part
    WHEN 'year' THEN extract(year FROM to_moment) - extract(year FROM from_moment)
    WHEN 'decade' THEN extract(decade FROM to_moment) - extract(decade FROM from_moment)
    WHEN 'century' THEN extract(century FROM to_moment) - extract(century FROM from_moment)
    WHEN 'millennium' THEN extract(millennium FROM to_moment) - extract(millennium FROM from_moment)
    WHEN 'quarter' THEN (extract(year FROM to_moment) - extract(year FROM from_moment)) * 4
        + extract(quarter FROM to_moment) - extract(quarter FROM from_moment)
    WHEN 'month' THEN (extract(year FROM to_moment) - extract(year FROM from_moment)) * 12
        + extract(month FROM to_moment) - extract(month FROM from_moment)
    WHEN 'week' THEN (date_trunc('week', to_moment)::date - date_trunc('week', from_moment)::date) / 7
    WHEN 'day' THEN to_moment::date - from_moment::date
    WHEN 'dow' THEN to_moment::date - from_moment::date
    WHEN 'doy' THEN to_moment::date - from_moment::date
    WHEN 'hour' THEN floor(extract(epoch FROM to_moment) / 3600) - floor(extract(epoch FROM from_moment) / 3600)
    WHEN 'minute' THEN floor(extract(epoch FROM to_moment) / 60) - floor(extract(epoch FROM from_moment) / 60)
    WHEN 'milliseconds' THEN floor(extract(epoch FROM to_moment) * 1000) - floor(extract(epoch FROM from_moment) * 1000)
    WHEN 'microseconds' THEN extract(epoch FROM to_moment) * 1000000 - extract(epoch FROM from_moment) * 1000000
    WHEN 'second' THEN floor(extract(epoch FROM to_moment)) - floor(extract(epoch FROM from_moment))
    WHEN 'epoch' THEN floor(extract(epoch FROM to_moment)) - floor(extract(epoch FROM from_moment))
END::bigint;

CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, from_moment timestamptz, to_moment timestamptz) RETURNS bigint
STABLE LANGUAGE sql
RETURN pg_catalog.datediff(part, from_moment AT TIME ZONE 'UTC', to_moment AT TIME ZONE 'UTC');

CREATE OR REPLACE FUNCTION pg_catalog.redshift_date_part(part text, moment timestamp) RETURNS double precision
IMMUTABLE LANGUAGE sql
RETURN CASE part
    WHEN 'second' THEN floor(date_part('second', moment))
    WHEN 'milliseconds' THEN floor(date_part('milliseconds', moment))::bigint % 1000
    WHEN 'microseconds' THEN date_part('microseconds', moment)::bigint % 1000000
    ELSE date_part(part, moment)
END;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_date_part(part text, moment timestamptz) RETURNS double precision
STABLE LANGUAGE sql
RETURN CASE WHEN part LIKE 'timezone%' THEN date_part(part, moment)
    ELSE pg_catalog.redshift_date_part(part, moment AT TIME ZONE 'UTC') END;

CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(source_zone text, target_zone text, moment timestamp)
RETURNS timestamp STABLE LANGUAGE sql
RETURN moment AT TIME ZONE source_zone AT TIME ZONE target_zone;

CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(target_zone text, moment timestamp)
RETURNS timestamp STABLE LANGUAGE sql
RETURN moment AT TIME ZONE 'UTC' AT TIME ZONE target_zone;

CREATE OR REPLACE FUNCTION pg_catalog.add_months(moment timestamp, months integer) RETURNS timestamp
IMMUTABLE LANGUAGE sql
RETURN CASE
    -- The last day of a month stays the last day.
    WHEN extract(day FROM moment + interval '1 day') = 1
    THEN date_trunc('month', moment) + (months + 1) * interval '1 month' - interval '1 day' + moment::time
    ELSE moment + months * interval '1 month'
END;

CREATE OR REPLACE FUNCTION pg_catalog.last_day(moment timestamp) RETURNS date IMMUTABLE LANGUAGE sql
RETURN (date_trunc('month', moment) + interval '1 month' - interval '1 day')::date;

CREATE OR REPLACE FUNCTION pg_catalog.months_between(later timestamp, earlier timestamp) RETURNS double precision
IMMUTABLE LANGUAGE sql
RETURN CASE
    WHEN extract(day FROM later) = extract(day FROM earlier)
      OR (pg_catalog.last_day(later) = later::date AND pg_catalog.last_day(earlier) = earlier::date)
    THEN (extract(year FROM later) - extract(year FROM earlier)) * 12 + extract(month FROM later) - extract(month FROM earlier)
    ELSE (extract(year FROM later) - extract(year FROM earlier)) * 12 + extract(month FROM later) - extract(month FROM earlier)
        + (extract(epoch FROM later - date_trunc('month', later)) - extract(epoch FROM earlier - date_trunc('month', earlier)))
            / (31 * 86400)
END::double precision;

-- Redshift has trunc() for numbers and, for timestamps, the date.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_trunc(moment timestamp) RETURNS date IMMUTABLE LANGUAGE sql
RETURN moment::date;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_trunc(number numeric) RETURNS numeric IMMUTABLE LANGUAGE sql
RETURN trunc(number);
CREATE OR REPLACE FUNCTION pg_catalog.redshift_trunc(number double precision) RETURNS double precision IMMUTABLE LANGUAGE sql
RETURN trunc(number);
CREATE OR REPLACE FUNCTION pg_catalog.redshift_trunc(number numeric, digits integer) RETURNS numeric IMMUTABLE LANGUAGE sql
RETURN trunc(number, digits);

-- LEN and LENGTH count characters and, of a CHAR, not its trailing blanks.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_length(value text) RETURNS integer IMMUTABLE LANGUAGE sql
RETURN length(value);

CREATE OR REPLACE FUNCTION pg_catalog.charindex(part text, whole text) RETURNS integer IMMUTABLE LANGUAGE sql
RETURN strpos(whole, part);

CREATE OR REPLACE FUNCTION pg_catalog.strtol(digits text, base integer) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
    total bigint := 0;
    place integer;
BEGIN
    FOR place IN 1 .. length(digits) LOOP
        total := total * base + strpos('0123456789abcdefghijklmnopqrstuvwxyz', lower(substr(digits, place, 1))) - 1;
        IF strpos(substr('0123456789abcdefghijklmnopqrstuvwxyz', 1, base), lower(substr(digits, place, 1))) = 0 THEN
            RAISE EXCEPTION 'The input % is not valid to be converted to base %', digits, base;
        END IF;
    END LOOP;
    RETURN total;
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_regexp_replace(source text, pattern text, replacement text DEFAULT '')
RETURNS text IMMUTABLE LANGUAGE sql
RETURN regexp_replace(source, pattern, replacement, 'g');

CREATE OR REPLACE FUNCTION pg_catalog.sha1(value text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'SHA1 is not supported by the local stand-in (use SHA2)';
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.sha2(value text, bits integer) RETURNS text IMMUTABLE LANGUAGE sql
RETURN encode(CASE bits
    WHEN 0 THEN sha256(convert_to(value, 'UTF8'))
    WHEN 224 THEN sha224(convert_to(value, 'UTF8'))
    WHEN 256 THEN sha256(convert_to(value, 'UTF8'))
    WHEN 384 THEN sha384(convert_to(value, 'UTF8'))
    WHEN 512 THEN sha512(convert_to(value, 'UTF8'))
END, 'hex');

CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json(value text) RETURNS boolean IMMUTABLE LANGUAGE sql
RETURN value IS JSON OBJECT;

CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json_array(value text) RETURNS boolean IMMUTABLE LANGUAGE sql
RETURN value IS JSON ARRAY;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_json_extract_path_text(value text, VARIADIC path text[]) RETURNS text
IMMUTABLE LANGUAGE sql
RETURN coalesce(value::json #>> path, CASE WHEN value IS NOT NULL THEN '' END);

CREATE OR REPLACE FUNCTION pg_catalog.json_extract_array_element_text(value text, place integer) RETURNS text
IMMUTABLE LANGUAGE sql
RETURN coalesce(value::json ->> place, CASE WHEN value IS NOT NULL THEN '' END);

CREATE OR REPLACE FUNCTION pg_catalog.json_array_length(value text) RETURNS integer IMMUTABLE LANGUAGE sql
RETURN json_array_length(value::json);

-- The rows of the session's last COPY, and the number of its last query.
CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint STABLE LANGUAGE sql
RETURN coalesce(nullif(current_setting('redshift.last_copy_count', true), ''), '0')::bigint;

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_id() RETURNS integer STABLE LANGUAGE sql
RETURN coalesce(nullif(current_setting('redshift.last_copy_id', true), ''), '-1')::integer;

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_query_id() RETURNS integer STABLE LANGUAGE sql
RETURN coalesce(nullif(current_setting('redshift.last_query_id', true), ''), '-1')::integer;

-- PostgreSQL rounds to digits after the point only what is numeric.
CREATE OR REPLACE FUNCTION pg_catalog.round(number double precision, digits integer) RETURNS double precision
IMMUTABLE STRICT LANGUAGE sql
RETURN round(number::numeric, digits)::double precision;

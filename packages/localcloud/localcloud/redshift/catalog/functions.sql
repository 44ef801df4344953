-- Redshift's functions that PostgreSQL lacks, or has with another meaning (those begin with redshift_; the dialect renames).
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html

CREATE OR REPLACE FUNCTION pg_catalog.getdate() RETURNS timestamp STABLE LANGUAGE sql
RETURN date_trunc('second', statement_timestamp()::timestamp);

CREATE OR REPLACE FUNCTION pg_catalog.sysdate() RETURNS timestamp STABLE LANGUAGE sql
RETURN transaction_timestamp()::timestamp;

-- A year after the 29th of February is the first of March, a month after the 31st the last day of the next.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_DATEADD_function.html
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, moment timestamp) RETURNS timestamp
IMMUTABLE LANGUAGE sql
RETURN CASE
    WHEN pg_catalog.redshift_known_part(part) IN ('year', 'decade', 'century', 'millennium') THEN
        moment + amount * ('1 ' || pg_catalog.redshift_part(part))::interval
        + CASE WHEN to_char(moment, 'MMDD') = '0229'
               AND to_char(moment + amount * ('1 ' || pg_catalog.redshift_part(part))::interval, 'MMDD') = '0228'
          THEN interval '1 day' ELSE interval '0' END
    WHEN pg_catalog.redshift_part(part) = 'quarter' THEN moment + amount * interval '3 months'
    WHEN pg_catalog.redshift_part(part) = 'epoch' THEN moment + amount * interval '1 second'
    WHEN pg_catalog.redshift_part(part) IN ('dow', 'doy') THEN moment + amount * interval '1 day'
    ELSE moment + amount * ('1 ' || pg_catalog.redshift_part(part))::interval
END;

CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, moment timestamptz) RETURNS timestamptz
STABLE LANGUAGE sql
RETURN pg_catalog.dateadd(part, amount, moment AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, moment date) RETURNS timestamp
IMMUTABLE LANGUAGE sql
RETURN pg_catalog.dateadd(part, amount, moment::timestamp);
-- A text is a timestamp without zone; PostgreSQL would choose the one with a zone.
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, moment text) RETURNS timestamp
STABLE LANGUAGE sql
RETURN pg_catalog.dateadd(part, amount, moment::timestamp);
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, moment time) RETURNS time
IMMUTABLE LANGUAGE sql
RETURN pg_catalog.dateadd(part, amount, '1970-01-01'::date + moment)::time;
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, amount bigint, moment timetz) RETURNS timetz
IMMUTABLE LANGUAGE sql
RETURN moment + amount * ('1 ' || pg_catalog.redshift_known_part(part))::interval;

-- The number of boundaries of the part between the two moments.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_DATEDIFF_function.html
CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, from_moment timestamp, to_moment timestamp) RETURNS bigint
IMMUTABLE LANGUAGE sql
RETURN CASE pg_catalog.redshift_known_part(part)
    WHEN 'quarter' THEN (pg_date_part('year', to_moment) - pg_date_part('year', from_moment)) * 4
        + pg_date_part('quarter', to_moment) - pg_date_part('quarter', from_moment)
    WHEN 'month' THEN (pg_date_part('year', to_moment) - pg_date_part('year', from_moment)) * 12
        + pg_date_part('month', to_moment) - pg_date_part('month', from_moment)
    WHEN 'week' THEN (date_trunc('week', to_moment)::date - date_trunc('week', from_moment)::date) / 7
    WHEN 'day' THEN to_moment::date - from_moment::date
    WHEN 'dow' THEN to_moment::date - from_moment::date
    WHEN 'doy' THEN to_moment::date - from_moment::date
    WHEN 'hour' THEN floor(pg_extract('epoch', to_moment) / 3600) - floor(pg_extract('epoch', from_moment) / 3600)
    WHEN 'minute' THEN floor(pg_extract('epoch', to_moment) / 60) - floor(pg_extract('epoch', from_moment) / 60)
    WHEN 'milliseconds' THEN floor(pg_extract('epoch', to_moment) * 1000) - floor(pg_extract('epoch', from_moment) * 1000)
    WHEN 'microseconds' THEN pg_extract('epoch', to_moment) * 1000000 - pg_extract('epoch', from_moment) * 1000000
    WHEN 'second' THEN floor(pg_extract('epoch', to_moment)) - floor(pg_extract('epoch', from_moment))
    WHEN 'epoch' THEN floor(pg_extract('epoch', to_moment)) - floor(pg_extract('epoch', from_moment))
    -- Of years and what is longer: their numbers.
    ELSE pg_date_part(pg_catalog.redshift_part(part), to_moment) - pg_date_part(pg_catalog.redshift_part(part), from_moment)
END::bigint;

CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, from_moment timestamptz, to_moment timestamptz) RETURNS bigint
STABLE LANGUAGE sql
RETURN pg_catalog.datediff(part, from_moment AT TIME ZONE 'UTC', to_moment AT TIME ZONE 'UTC');
CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, from_moment date, to_moment date) RETURNS bigint
IMMUTABLE LANGUAGE sql
RETURN pg_catalog.datediff(part, from_moment::timestamp, to_moment::timestamp);
CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, from_moment text, to_moment text) RETURNS bigint
STABLE LANGUAGE sql
RETURN pg_catalog.datediff(part, from_moment::timestamp, to_moment::timestamp);
CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, from_moment time, to_moment time) RETURNS bigint
IMMUTABLE LANGUAGE sql
RETURN pg_catalog.datediff(part, '1970-01-01'::date + from_moment, '1970-01-01'::date + to_moment);

-- DATEADD and DATEDIFF name their columns so.
CREATE OR REPLACE FUNCTION pg_catalog.date_add(part text, amount bigint, moment timestamp) RETURNS timestamp
STABLE LANGUAGE sql RETURN pg_catalog.dateadd(part, amount, moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_add(part text, amount bigint, moment timestamptz) RETURNS timestamptz
STABLE LANGUAGE sql RETURN pg_catalog.dateadd(part, amount, moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_add(part text, amount bigint, moment date) RETURNS timestamp
STABLE LANGUAGE sql RETURN pg_catalog.dateadd(part, amount, moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_add(part text, amount bigint, moment text) RETURNS timestamp
STABLE LANGUAGE sql RETURN pg_catalog.dateadd(part, amount, moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_add(part text, amount bigint, moment time) RETURNS time
STABLE LANGUAGE sql RETURN pg_catalog.dateadd(part, amount, moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_add(part text, amount bigint, moment timetz) RETURNS timetz
STABLE LANGUAGE sql RETURN pg_catalog.dateadd(part, amount, moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_diff(part text, from_moment timestamp, to_moment timestamp) RETURNS bigint
STABLE LANGUAGE sql RETURN pg_catalog.datediff(part, from_moment, to_moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_diff(part text, from_moment timestamptz, to_moment timestamptz) RETURNS bigint
STABLE LANGUAGE sql RETURN pg_catalog.datediff(part, from_moment, to_moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_diff(part text, from_moment date, to_moment date) RETURNS bigint
STABLE LANGUAGE sql RETURN pg_catalog.datediff(part, from_moment, to_moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_diff(part text, from_moment text, to_moment text) RETURNS bigint
STABLE LANGUAGE sql RETURN pg_catalog.datediff(part, from_moment, to_moment);
CREATE OR REPLACE FUNCTION pg_catalog.date_diff(part text, from_moment time, to_moment time) RETURNS bigint
STABLE LANGUAGE sql RETURN pg_catalog.datediff(part, from_moment, to_moment);

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_NEXT_DAY.html
CREATE OR REPLACE FUNCTION pg_catalog.next_day(moment timestamp, day text) RETURNS date IMMUTABLE STRICT LANGUAGE plpgsql AS $$
DECLARE
    wanted integer := CASE
        WHEN lower(day) IN ('su', 'sun', 'sunday') THEN 0 WHEN lower(day) IN ('m', 'mo', 'mon', 'monday') THEN 1
        WHEN lower(day) IN ('tu', 'tue', 'tues', 'tuesday') THEN 2 WHEN lower(day) IN ('w', 'we', 'wed', 'wednesday') THEN 3
        WHEN lower(day) IN ('th', 'thu', 'thurs', 'thursday') THEN 4 WHEN lower(day) IN ('f', 'fr', 'fri', 'friday') THEN 5
        WHEN lower(day) IN ('sa', 'sat', 'saturday') THEN 6 END;
BEGIN
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'invalid day of week "%"', day;
    END IF;
    RETURN moment::date + 1 + (wanted - pg_date_part('dow', moment)::integer - 1 + 7) % 7;
END $$;

-- Without the third argument a day that its month has not is counted on into the next.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_TO_DATE_function.html
CREATE OR REPLACE FUNCTION pg_catalog.to_date(value text, format text, is_strict boolean) RETURNS date
IMMUTABLE STRICT LANGUAGE plpgsql AS $$
DECLARE
    place integer := strpos(upper(format), 'DD');
    day text := substr(value, place, 2);
BEGIN
    RETURN pg_to_date(value, format);
EXCEPTION WHEN datetime_field_overflow THEN
    IF is_strict OR place = 0 OR day !~ '^[0-9][0-9]$' OR day > '31' OR upper(format) LIKE '%DDD%' THEN
        RAISE EXCEPTION 'date/time field value out of range: "%"', value;
    END IF;
    RETURN pg_to_date(substr(value, 1, place - 1) || '01' || substr(value, place + 2), format) + (day::integer - 1);
END $$;
CREATE OR REPLACE FUNCTION pg_catalog.to_date(value text, format text) RETURNS date
IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.to_date(value, format, false);

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
    WHEN pg_date_part('day', moment + interval '1 day') = 1
    THEN date_trunc('month', moment) + (months + 1) * interval '1 month' - interval '1 day' + moment::time
    ELSE moment + months * interval '1 month'
END;

CREATE OR REPLACE FUNCTION pg_catalog.last_day(moment timestamp) RETURNS date IMMUTABLE LANGUAGE sql
RETURN (date_trunc('month', moment) + interval '1 month' - interval '1 day')::date;

CREATE OR REPLACE FUNCTION pg_catalog.months_between(later timestamp, earlier timestamp) RETURNS double precision
IMMUTABLE LANGUAGE sql
RETURN CASE
    WHEN pg_date_part('day', later) = pg_date_part('day', earlier)
      OR (pg_catalog.last_day(later) = later::date AND pg_catalog.last_day(earlier) = earlier::date)
    THEN (pg_date_part('year', later) - pg_date_part('year', earlier)) * 12 + pg_date_part('month', later) - pg_date_part('month', earlier)
    ELSE (pg_date_part('year', later) - pg_date_part('year', earlier)) * 12 + pg_date_part('month', later) - pg_date_part('month', earlier)
        + (date_part('epoch', later - date_trunc('month', later)) - date_part('epoch', earlier - date_trunc('month', earlier)))
            / (31 * 86400)
END::double precision;

-- Redshift has trunc() for numbers and, for timestamps, the date.
CREATE OR REPLACE FUNCTION pg_catalog.trunc(moment timestamp) RETURNS date IMMUTABLE LANGUAGE sql
RETURN moment::date;
-- LEN and LENGTH count characters and, of a CHAR, not its trailing blanks.
CREATE OR REPLACE FUNCTION pg_catalog.len(value text) RETURNS integer IMMUTABLE LANGUAGE sql
RETURN length(value);
CREATE OR REPLACE FUNCTION pg_catalog.textlen(value text) RETURNS integer IMMUTABLE LANGUAGE sql
RETURN length(value);

CREATE OR REPLACE FUNCTION pg_catalog.charindex(part text, whole text) RETURNS integer IMMUTABLE LANGUAGE sql
RETURN strpos(whole, part);

CREATE OR REPLACE FUNCTION pg_catalog.strtol(digits text, base integer) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
    total bigint := 0;
    place integer;
BEGIN
    IF base = 16 THEN
        digits := pg_regexp_replace(digits, '^0[xX]', '');
    END IF;
    FOR place IN 1 .. length(digits) LOOP
        total := total * base + strpos('0123456789abcdefghijklmnopqrstuvwxyz', lower(substr(digits, place, 1))) - 1;
        IF strpos(substr('0123456789abcdefghijklmnopqrstuvwxyz', 1, base), lower(substr(digits, place, 1))) = 0 THEN
            RAISE EXCEPTION 'The input % is not valid to be converted to base %', digits, base;
        END IF;
    END LOOP;
    RETURN total;
END $$;

-- The flags that PostgreSQL knows: p (Perl's patterns) it always reads, e (a group) is an argument of its own there.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_REPLACE.html, REGEXP_SUBSTR.html, REGEXP_INSTR.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_flags(flags text) RETURNS text IMMUTABLE STRICT LANGUAGE sql
RETURN translate(flags, 'pe', '');
CREATE OR REPLACE FUNCTION pg_catalog.redshift_replacement(replacement text) RETURNS text IMMUTABLE STRICT LANGUAGE sql
RETURN pg_regexp_replace(replace(replacement, '\', '\\'), '\$(\d)', '\\\1', 'g');

CREATE OR REPLACE FUNCTION pg_catalog.regexp_replace(source text, pattern text, replacement text DEFAULT '')
RETURNS text IMMUTABLE STRICT LANGUAGE sql
RETURN pg_regexp_replace(source, pattern, pg_catalog.redshift_replacement(replacement), 'g');
CREATE OR REPLACE FUNCTION pg_catalog.regexp_replace(source text, pattern text, replacement text, place integer)
RETURNS text IMMUTABLE STRICT LANGUAGE sql
RETURN pg_regexp_replace(source, pattern, pg_catalog.redshift_replacement(replacement), place, 0);
CREATE OR REPLACE FUNCTION pg_catalog.regexp_replace(source text, pattern text, replacement text, place integer, flags text)
RETURNS text IMMUTABLE STRICT LANGUAGE sql
RETURN pg_regexp_replace(source, pattern, pg_catalog.redshift_replacement(replacement), place, 0, pg_catalog.redshift_flags(flags));

CREATE OR REPLACE FUNCTION pg_catalog.regexp_substr(
    source text, pattern text, place integer DEFAULT 1, occurrence integer DEFAULT 1, flags text DEFAULT '')
RETURNS text IMMUTABLE STRICT LANGUAGE sql
RETURN coalesce(pg_regexp_substr(source, pattern, place, occurrence, pg_catalog.redshift_flags(flags),
                                 CASE WHEN strpos(flags, 'e') > 0 THEN 1 ELSE 0 END), '');

CREATE OR REPLACE FUNCTION pg_catalog.regexp_instr(
    source text, pattern text, place integer DEFAULT 1, occurrence integer DEFAULT 1, option integer DEFAULT 0, flags text DEFAULT '')
RETURNS integer IMMUTABLE STRICT LANGUAGE sql
RETURN pg_regexp_instr(source, pattern, place, occurrence, option, pg_catalog.redshift_flags(flags),
                       CASE WHEN strpos(flags, 'e') > 0 THEN 1 ELSE 0 END);

CREATE OR REPLACE FUNCTION pg_catalog.regexp_count(source text, pattern text, place integer DEFAULT 1, flags text DEFAULT '')
RETURNS integer IMMUTABLE STRICT LANGUAGE sql
RETURN pg_regexp_count(source, pattern, place, pg_catalog.redshift_flags(flags));

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SHA1.html
CREATE OR REPLACE FUNCTION pg_catalog.sha1(value text) RETURNS text IMMUTABLE STRICT LANGUAGE plpgsql AS $$
DECLARE
    mask constant bigint := 4294967295;
    body bytea := convert_to(value, 'UTF8');
    bits bigint := octet_length(body) * 8;
    h bigint[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    w bigint[];
    v bigint[];
    f bigint;
    k bigint;
    next bigint;
BEGIN
    body := body || decode('80', 'hex') || decode(repeat('00', (119 - octet_length(body) % 64) % 64), 'hex') || int8send(bits);
    FOR block IN 0 .. octet_length(body) / 64 - 1 LOOP
        FOR t IN 0 .. 15 LOOP
            w[t] := ('x' || encode(substr(body, block * 64 + t * 4 + 1, 4), 'hex'))::bit(32)::bigint;
        END LOOP;
        FOR t IN 16 .. 79 LOOP
            next := w[t - 3] # w[t - 8] # w[t - 14] # w[t - 16];
            w[t] := ((next << 1) | (next >> 31)) & mask;
        END LOOP;
        v := h;
        FOR t IN 0 .. 79 LOOP
            IF t < 20 THEN
                f := (v[2] & v[3]) | ((~v[2] & mask) & v[4]); k := 1518500249;
            ELSIF t < 40 THEN
                f := v[2] # v[3] # v[4]; k := 1859775393;
            ELSIF t < 60 THEN
                f := (v[2] & v[3]) | (v[2] & v[4]) | (v[3] & v[4]); k := 2400959708;
            ELSE
                f := v[2] # v[3] # v[4]; k := 3395469782;
            END IF;
            next := ((((v[1] << 5) | (v[1] >> 27)) & mask) + f + v[5] + k + w[t]) & mask;
            v := ARRAY[next, v[1], ((v[2] << 30) | (v[2] >> 2)) & mask, v[3], v[4]];
        END LOOP;
        h := ARRAY[(h[1] + v[1]) & mask, (h[2] + v[2]) & mask, (h[3] + v[3]) & mask, (h[4] + v[4]) & mask, (h[5] + v[5]) & mask];
    END LOOP;
    RETURN (SELECT string_agg(lpad(to_hex(one), 8, '0'), '') FROM unnest(h) AS t (one));
END $$;
CREATE OR REPLACE FUNCTION pg_catalog.sha(value text) RETURNS text IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.sha1(value);
CREATE OR REPLACE FUNCTION pg_catalog.func_sha1(value text) RETURNS text IMMUTABLE STRICT LANGUAGE sql RETURN pg_catalog.sha1(value);

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/crc32-function.html
CREATE OR REPLACE FUNCTION pg_catalog.crc32(value text) RETURNS text IMMUTABLE STRICT LANGUAGE sql
RETURN lpad(to_hex(crc32c(convert_to(value, 'UTF8'))), 8, '0');

-- The 64 bits of FNV-1a; a number is its bytes, the lowest first.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/fnv_hash.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_fnv(bytes bytea, seed numeric) RETURNS bigint IMMUTABLE STRICT LANGUAGE plpgsql AS $$
DECLARE
    whole constant numeric := 18446744073709551616;
    found numeric := CASE WHEN seed < 0 THEN seed + whole ELSE seed END;
BEGIN
    FOR place IN 0 .. octet_length(bytes) - 1 LOOP
        -- Only the lowest byte is changed by the exclusive or.
        found := found - found % 256 + ((found % 256)::integer # get_byte(bytes, place));
        found := (found * 1099511628211) % whole;
    END LOOP;
    RETURN CASE WHEN found >= whole / 2 THEN found - whole ELSE found END::bigint;
END $$;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_reversed(bytes bytea) RETURNS bytea IMMUTABLE STRICT LANGUAGE sql
RETURN (SELECT string_agg(substr(bytes, place, 1), '' ORDER BY place DESC) FROM generate_series(1, octet_length(bytes)) AS t (place));
CREATE OR REPLACE FUNCTION pg_catalog.fnv_hash(value text, seed bigint DEFAULT -3750763034362895579) RETURNS bigint
IMMUTABLE LANGUAGE sql RETURN pg_catalog.redshift_fnv(convert_to(value, 'UTF8'), seed);
CREATE OR REPLACE FUNCTION pg_catalog.fnv_hash(value integer, seed bigint DEFAULT -3750763034362895579) RETURNS bigint
IMMUTABLE LANGUAGE sql RETURN pg_catalog.redshift_fnv(pg_catalog.redshift_reversed(int4send(value)), seed);
CREATE OR REPLACE FUNCTION pg_catalog.fnv_hash(value bigint, seed bigint DEFAULT -3750763034362895579) RETURNS bigint
IMMUTABLE LANGUAGE sql RETURN pg_catalog.redshift_fnv(pg_catalog.redshift_reversed(int8send(value)), seed);

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SOUNDEX.html, DIFFERENCE.html
CREATE OR REPLACE FUNCTION pg_catalog.soundex(value text) RETURNS text IMMUTABLE STRICT LANGUAGE plpgsql AS $$
DECLARE
    letters text := pg_regexp_replace(upper(value), '[^A-Z]', '', 'g');
    found text := left(letters, 1);
    code text;
    last text := translate(left(letters, 1), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '01230120022455012623010202');
BEGIN
    FOR place IN 2 .. length(letters) LOOP
        code := translate(substr(letters, place, 1), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '01230120022455012623010202');
        IF code <> '0' AND code <> last THEN
            found := found || code;
        END IF;
        -- H and W do not part two letters of one sound.
        IF substr(letters, place, 1) NOT IN ('H', 'W') THEN
            last := code;
        END IF;
    END LOOP;
    RETURN CASE WHEN found = '' THEN '' ELSE rpad(left(found, 4), 4, '0') END;
END $$;
CREATE OR REPLACE FUNCTION pg_catalog.difference(one text, other text) RETURNS integer IMMUTABLE STRICT LANGUAGE sql
RETURN (SELECT count(*) FROM generate_series(1, 4) AS t (place)
        WHERE substr(pg_catalog.soundex(one), place, 1) = substr(pg_catalog.soundex(other), place, 1))::integer;

CREATE OR REPLACE FUNCTION pg_catalog.replicate(value text, times integer) RETURNS text IMMUTABLE STRICT LANGUAGE sql
RETURN repeat(value, times);

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

-- A text that is not JSON is an error, or null where the last argument says so; what is not there is null.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/JSON_EXTRACT_PATH_TEXT.html, JSON_EXTRACT_ARRAY_ELEMENT_TEXT.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_json(value text, null_if_invalid boolean DEFAULT false) RETURNS json
IMMUTABLE STRICT LANGUAGE plpgsql AS $$
BEGIN
    IF value IS JSON THEN
        RETURN value::json;
    ELSIF null_if_invalid THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'invalid json object %', value;
END $$;

CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(value text, VARIADIC path text[]) RETURNS text
IMMUTABLE LANGUAGE sql
RETURN pg_catalog.redshift_json(value) #>> path;
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(value text, a text, null_if_invalid boolean) RETURNS text
IMMUTABLE LANGUAGE sql
RETURN pg_catalog.redshift_json(value, null_if_invalid) #>> ARRAY[a];
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(value text, a text, b text, null_if_invalid boolean) RETURNS text
IMMUTABLE LANGUAGE sql
RETURN pg_catalog.redshift_json(value, null_if_invalid) #>> ARRAY[a, b];
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(value text, a text, b text, c text, null_if_invalid boolean)
RETURNS text IMMUTABLE LANGUAGE sql
RETURN pg_catalog.redshift_json(value, null_if_invalid) #>> ARRAY[a, b, c];
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(value text, a text, b text, c text, d text, null_if_invalid boolean)
RETURNS text IMMUTABLE LANGUAGE sql
RETURN pg_catalog.redshift_json(value, null_if_invalid) #>> ARRAY[a, b, c, d];
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(
    value text, a text, b text, c text, d text, e text, null_if_invalid boolean) RETURNS text IMMUTABLE LANGUAGE sql
RETURN pg_catalog.redshift_json(value, null_if_invalid) #>> ARRAY[a, b, c, d, e];

CREATE OR REPLACE FUNCTION pg_catalog.json_extract_array_element_text(value text, place integer, null_if_invalid boolean)
RETURNS text IMMUTABLE LANGUAGE sql
RETURN CASE WHEN place >= 0 THEN pg_catalog.redshift_json(value, null_if_invalid) ->> place END;
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_array_element_text(value text, place integer) RETURNS text
IMMUTABLE LANGUAGE sql
RETURN pg_catalog.json_extract_array_element_text(value, place, false);

CREATE OR REPLACE FUNCTION pg_catalog.json_array_length(value text) RETURNS integer IMMUTABLE LANGUAGE sql
RETURN json_array_length(pg_catalog.redshift_json(value));
CREATE OR REPLACE FUNCTION pg_catalog.json_array_length(value text, null_if_invalid boolean) RETURNS integer
IMMUTABLE LANGUAGE sql
RETURN json_array_length(pg_catalog.redshift_json(value, null_if_invalid));

-- The rows of the session's last COPY, and the number of its last query.
CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint STABLE LANGUAGE sql
RETURN coalesce(nullif(current_setting('redshift.last_copy_count', true), ''), '0')::bigint;

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_id() RETURNS integer STABLE LANGUAGE sql
RETURN coalesce(nullif(current_setting('redshift.last_copy_id', true), ''), '-1')::integer;

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_unload_count() RETURNS bigint STABLE LANGUAGE sql
RETURN coalesce(nullif(current_setting('redshift.last_unload_count', true), ''), '0')::bigint;

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_unload_id() RETURNS integer STABLE LANGUAGE sql
RETURN coalesce(nullif(current_setting('redshift.last_unload_id', true), ''), '-1')::integer;

CREATE OR REPLACE FUNCTION pg_catalog.pg_last_query_id() RETURNS integer STABLE LANGUAGE sql
RETURN coalesce(nullif(current_setting('redshift.last_query_id', true), ''), '-1')::integer;

-- PostgreSQL rounds to digits after the point only what is numeric.
CREATE OR REPLACE FUNCTION pg_catalog.round(number double precision, digits integer) RETURNS double precision
IMMUTABLE STRICT LANGUAGE sql
RETURN round(number::numeric, digits)::double precision;

-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_VERSION.html
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text STABLE LANGUAGE sql
RETURN 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.12103';

CREATE OR REPLACE FUNCTION pg_catalog.current_user_id() RETURNS integer STABLE LANGUAGE sql
RETURN (SELECT oid::integer FROM pg_roles WHERE rolname = current_user);

CREATE OR REPLACE FUNCTION pg_catalog.cbrt(value double precision) RETURNS double precision IMMUTABLE STRICT LANGUAGE sql
RETURN CASE WHEN power(round(pg_cbrt(value)), 3) = value THEN round(pg_cbrt(value)) ELSE pg_cbrt(value) END;

-- Null in place of an error.
-- Source: https://docs.aws.amazon.com/redshift/latest/dg/r_TRY_CAST.html
CREATE OR REPLACE FUNCTION pg_catalog.redshift_try_cast(value text, kind text, sample anyelement) RETURNS anyelement
STABLE LANGUAGE plpgsql AS $$
DECLARE
    found sample%TYPE;
BEGIN
    IF pg_input_is_valid(value, kind) THEN
        EXECUTE format('SELECT %L::%s', value, kind) INTO found;
    END IF;
    RETURN found;
END $$;

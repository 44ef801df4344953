-- Functions of Athena that DuckDB lacks or computes otherwise, as macros.
-- Source: https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html, which names Trino's functions.

-- No match is null, not an empty text.
CREATE MACRO athena_regexp_extract(s, p, g := 0) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END;
CREATE MACRO athena_regexp_count(s, p) AS CAST(len(regexp_extract_all(s, p)) AS BIGINT);
CREATE MACRO athena_regexp_split(s, p) AS regexp_split_to_array(s, p);
-- A part that is not there is null, not an empty text.
-- With a limit, the last part is the rest.
CREATE MACRO athena_split(s, d) AS str_split(s, d),
    (s, d, n) AS CASE WHEN len(str_split(s, d)) <= n THEN str_split(s, d) ELSE list_append(
        list_slice(str_split(s, d), 1, n - 1),
        array_to_string(list_slice(str_split(s, d), n, len(str_split(s, d))), d)) END;
-- Texts begin at 1: at 0 there is nothing.
CREATE MACRO athena_substr(s, i) AS CASE WHEN i = 0 THEN '' ELSE substring(s, i) END,
    (s, i, n) AS CASE WHEN i = 0 THEN '' ELSE substring(s, i, n) END;
CREATE MACRO athena_to_base(n, r) AS lower(to_base(n, r));
CREATE MACRO athena_from_base(s, r) AS CAST(list_reduce(list_transform(str_split(lower(s), ''), lambda c:
    CASE WHEN strpos('0123456789abcdefghijklmnopqrstuvwxyz', c) BETWEEN 1 AND r
    THEN CAST(strpos('0123456789abcdefghijklmnopqrstuvwxyz', c) - 1 AS BIGINT)
    ELSE CAST(error('INVALID_FUNCTION_ARGUMENT: Not a valid base-' || r || ' number: ' || s) AS BIGINT) END),
    lambda a, b: a * r + b) AS BIGINT);
CREATE MACRO athena_split_part(s, d, n) AS CASE
    WHEN n <= 0 THEN error('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero')
    ELSE list_extract(str_split(s, d), n) END;
-- Where the first match begins: in front of it is the shortest text.
CREATE MACRO athena_regexp_position(s, p) AS CASE WHEN regexp_matches(s, p)
    THEN CAST(length(regexp_extract(s, '(?s)^(.*?)(?:' || p || ')', 1)) + 1 AS INTEGER) ELSE -1 END,
    (s, p, i) AS CASE WHEN regexp_matches(substring(s, i), p)
    THEN CAST(length(regexp_extract(substring(s, i), '(?s)^(.*?)(?:' || p || ')', 1)) + i AS INTEGER) ELSE -1 END;
CREATE MACRO athena_strpos(s, d, n) AS CASE WHEN len(str_split(s, d)) > n
    THEN CAST(length(array_to_string(list_slice(str_split(s, d), 1, n), d)) + 1 AS BIGINT) ELSE CAST(0 AS BIGINT) END;
CREATE MACRO athena_split_to_map(s, e, k) AS map_from_entries(list_transform(str_split(s, e), lambda x:
    {'key': str_split(x, k)[1], 'value': substring(x, strpos(x, k) + length(k))}));
CREATE MACRO athena_unit_text(n, u) AS CASE WHEN n > 0 THEN n || ' ' || u || CASE WHEN n = 1 THEN '' ELSE 's' END END;
CREATE MACRO athena_seconds_text(n) AS coalesce(nullif(array_to_string([
    athena_unit_text(n // 604800, 'week'), athena_unit_text(n // 86400 % 7, 'day'),
    athena_unit_text(n // 3600 % 24, 'hour'), athena_unit_text(n // 60 % 60, 'minute'),
    athena_unit_text(n % 60, 'second')], ', '), ''), '0 seconds');
CREATE MACRO athena_human_readable_seconds(n) AS athena_seconds_text(CAST(abs(n) AS BIGINT));
CREATE MACRO athena_codepoint(s) AS unicode(s);
CREATE MACRO athena_hamming_distance(a, b) AS CAST(hamming(a, b) AS BIGINT);
CREATE MACRO athena_to_utf8(s) AS encode(s);
CREATE MACRO athena_from_utf8(b) AS decode(b);
CREATE MACRO athena_to_hex(b) AS hex(b);
CREATE MACRO athena_from_hex(s) AS unhex(s);
CREATE MACRO athena_to_base64(b) AS to_base64(b);
CREATE MACRO athena_from_base64(s) AS from_base64(s);
CREATE MACRO athena_md5(b) AS unhex(md5(b));
CREATE MACRO athena_sha1(b) AS unhex(sha1(b));
CREATE MACRO athena_sha256(b) AS unhex(sha256(b));
CREATE MACRO athena_url_extract_protocol(u) AS nullif(regexp_extract(u, '^([^:/?#]+):', 1), '');
CREATE MACRO athena_url_extract_host(u) AS nullif(regexp_extract(u, '^[^:/?#]+://(?:[^@/?#]*@)?([^:/?#]+)', 1), '');
CREATE MACRO athena_url_extract_path(u) AS regexp_extract(u, '^(?:[^:/?#]+:)?(?://[^/?#]*)?([^?#]*)', 1);
CREATE MACRO athena_url_extract_fragment(u) AS regexp_extract(u, '#(.*)$', 1);
CREATE MACRO athena_url_extract_port(u) AS
    CAST(nullif(regexp_extract(u, '^[^:/?#]+://[^/?#]*:([0-9]+)', 1), '') AS BIGINT);
CREATE MACRO athena_url_extract_query(u) AS regexp_extract(u, '[?]([^#]*)', 1);

-- Complete units that have passed, not boundaries that were crossed.
CREATE MACRO athena_date_diff(u, a, b) AS date_sub(u, CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP));
CREATE MACRO athena_to_unixtime(t) AS epoch(t);
CREATE MACRO athena_from_unixtime(n) AS date_trunc('millisecond', to_timestamp(n));
CREATE MACRO athena_to_milliseconds(i) AS CAST(epoch_ms(i) AS BIGINT);
CREATE MACRO athena_with_timezone(t, z) AS timezone(z, CAST(t AS TIMESTAMP));
CREATE MACRO athena_current_timezone() AS 'UTC';
CREATE MACRO athena_last_day_of_month(d) AS last_day(d);
CREATE MACRO athena_day_of_year(d) AS CAST(dayofyear(d) AS BIGINT);
CREATE MACRO athena_millisecond(t) AS CAST(millisecond(t) % 1000 AS BIGINT);
CREATE MACRO athena_from_iso8601_date(s) AS CAST(s AS DATE);
CREATE MACRO athena_from_iso8601_timestamp(s) AS CAST(s AS TIMESTAMPTZ);
CREATE MACRO athena_iso8601_text(s) AS
    strftime(CAST(regexp_replace(s, '(Z|[+-][0-9][0-9]:?[0-9][0-9])$', '') AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g') || ' '
    || coalesce(nullif(regexp_extract(s, '[+-][0-9][0-9]:?[0-9][0-9]$'), ''), 'UTC');

-- What is nested is not a scalar; a text that is not JSON is null.
CREATE MACRO athena_json_extract_scalar(j, p) AS
    CASE WHEN json_type(TRY_CAST(j AS JSON), p) NOT IN ('OBJECT', 'ARRAY', 'NULL')
        THEN json_extract_string(TRY_CAST(j AS JSON), p) END;
CREATE MACRO athena_json_extract(j, p) AS json_extract(TRY_CAST(j AS JSON), p);
CREATE MACRO athena_is_json_scalar(j) AS json_type(CAST(j AS JSON)) NOT IN ('OBJECT', 'ARRAY');
-- A text comes without its quotes, as it does from Athena.
CREATE MACRO athena_json_array_get(j, i) AS
    json_extract_string(CAST(j AS JSON), CASE WHEN i < 0 THEN '$[#' || i || ']' ELSE '$[' || i || ']' END);
CREATE MACRO athena_json_array_contains(j, v) AS list_contains(list_transform(json_extract(CAST(j AS JSON), '$[*]'),
    lambda x: CAST(x AS VARCHAR)), CAST(to_json(v) AS VARCHAR));
CREATE MACRO athena_json_parse(s) AS json(s);
CREATE MACRO athena_json_format(j) AS CAST(json(CAST(j AS VARCHAR)) AS VARCHAR);
CREATE MACRO athena_json_array_length(j) AS CAST(json_array_length(CAST(j AS JSON)) AS BIGINT);
CREATE MACRO athena_json_size(j, p) AS
    CAST(CASE json_type(CAST(j AS JSON), p) WHEN 'ARRAY' THEN json_array_length(CAST(j AS JSON), p)
        WHEN 'OBJECT' THEN len(json_keys(CAST(j AS JSON), p)) ELSE 0 END AS BIGINT);

CREATE MACRO athena_array_sort(a) AS list_sort(a, 'ASC', 'NULLS LAST');
CREATE MACRO athena_array_max(a) AS CASE WHEN list_contains(list_transform(a, lambda x: x IS NULL), true) THEN NULL
    ELSE list_max(a) END;
CREATE MACRO athena_array_min(a) AS CASE WHEN list_contains(list_transform(a, lambda x: x IS NULL), true) THEN NULL
    ELSE list_min(a) END;
-- The first of equal elements stays in its place.
CREATE MACRO athena_array_distinct(a) AS list_filter(a, lambda x, i: CASE WHEN x IS NULL
    THEN list_position(list_transform(a, lambda y: y IS NULL), true) = i ELSE list_position(a, x) = i END);
CREATE MACRO athena_array_union(a, b) AS athena_array_distinct(list_concat(a, b));
CREATE MACRO athena_array_intersect(a, b) AS athena_array_distinct(list_filter(a, lambda x: list_contains(b, x)));
CREATE MACRO athena_array_except(a, b) AS athena_array_distinct(list_filter(a, lambda x: NOT list_contains(b, x)));
CREATE MACRO athena_array_join(a, s) AS array_to_string(list_transform(a, lambda x: CAST(x AS VARCHAR)), s),
    (a, s, n) AS array_to_string(list_transform(a, lambda x: coalesce(CAST(x AS VARCHAR), n)), s);
-- Forms write a blank as a plus sign, and so does Java.
CREATE MACRO athena_url_encode(s) AS replace(url_encode(s), '%20', '+');
CREATE MACRO athena_url_decode(s) AS url_decode(replace(s, '+', ' '));
CREATE MACRO athena_cbrt(v) AS CASE WHEN power(round(cbrt(v)), 3) = v THEN round(cbrt(v)) ELSE cbrt(v) END;
-- A double as Trino casts it to a text: one digit before the point, and an exponent.
CREATE MACRO athena_mantissa(d, e) AS left(d, 1) || '.' || coalesce(nullif(rtrim(substring(d, 2), '0'), ''), '0')
    || 'E' || CAST(e AS VARCHAR);
CREATE MACRO athena_plain_double(s) AS CASE
    WHEN split_part(s, '.', 1) <> '0' THEN athena_mantissa(replace(s, '.', ''), len(split_part(s, '.', 1)) - 1)
    ELSE athena_mantissa(ltrim(split_part(s, '.', 2), '0'),
        len(ltrim(split_part(s, '.', 2), '0')) - len(split_part(s, '.', 2)) - 1) END;
CREATE MACRO athena_double_text(v) AS CASE
    WHEN isnan(v) THEN 'NaN'
    WHEN isinf(v) THEN CASE WHEN v > 0 THEN 'Infinity' ELSE '-Infinity' END
    WHEN v = 0 THEN '0.0E0'
    ELSE CASE WHEN v < 0 THEN '-' ELSE '' END || CASE WHEN contains(CAST(abs(v) AS VARCHAR), 'e')
        THEN athena_mantissa(replace(split_part(CAST(abs(v) AS VARCHAR), 'e', 1), '.', ''),
            CAST(split_part(CAST(abs(v) AS VARCHAR), 'e', 2) AS INTEGER))
        ELSE athena_plain_double(CAST(abs(v) AS VARCHAR)) END END;
-- An element that is not there is an error, where element_at gives null.
CREATE MACRO athena_subscript(a, i) AS CASE
    WHEN i > len(a) THEN error('INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length: '
        || i || ' > ' || len(a))
    WHEN i = 0 THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
    WHEN i < 0 THEN error('INVALID_FUNCTION_ARGUMENT: Array subscript is negative: ' || i)
    ELSE list_extract(a, i) END;
CREATE MACRO athena_key(m, k) AS CASE WHEN m IS NOT NULL AND NOT map_contains(m, k)
    THEN error('INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || k) ELSE map_extract_value(m, k) END;
CREATE MACRO athena_arrays_overlap(a, b) AS list_has_any(a, b);
CREATE MACRO athena_array_remove(a, v) AS list_filter(a, lambda x: x <> v);
CREATE MACRO athena_array_position(a, v) AS CAST(coalesce(list_position(a, v), 0) AS BIGINT);
CREATE MACRO athena_slice(a, s, n) AS
    CASE WHEN s > 0 THEN list_slice(a, s, s + n - 1) ELSE list_slice(a, len(a) + s + 1, len(a) + s + n) END;
CREATE MACRO athena_trim_array(a, n) AS CASE WHEN n > len(a)
    THEN error('INVALID_FUNCTION_ARGUMENT: size must not exceed array cardinality ' || len(a) || ': ' || n)
    ELSE list_slice(a, 1, len(a) - n) END;
CREATE MACRO athena_ngrams(a, n) AS
    list_transform(range(1, greatest(len(a) - n, 0) + 2), lambda i: list_slice(a, i, i + n - 1));
CREATE MACRO athena_repeat(v, n) AS list_transform(range(n), lambda _: v);
CREATE MACRO athena_zip(a, b) AS list_zip(a, b);

CREATE MACRO athena_map_agg(k, v) AS map(list(k), list(v));
CREATE MACRO athena_bitwise_and_agg(v) AS bit_and(CAST(v AS BIGINT));
CREATE MACRO athena_bitwise_or_agg(v) AS bit_or(CAST(v AS BIGINT));
CREATE MACRO athena_bitwise_xor_agg(v) AS bit_xor(CAST(v AS BIGINT));
CREATE MACRO athena_regr_count(y, x) AS CAST(regr_count(y, x) AS BIGINT);
CREATE MACRO athena_bit_count(v, n) AS CAST(bit_count(CASE WHEN n = 64 THEN CAST(v AS BIGINT)
    ELSE CAST(v AS BIGINT) & ((CAST(1 AS BIGINT) << CAST(n AS INTEGER)) - 1) END) AS BIGINT);
CREATE MACRO athena_width_bucket(x, a, b, n) AS CAST(CASE
    WHEN n <= 0 THEN error('INVALID_FUNCTION_ARGUMENT: bucketCount must be greater than 0')
    WHEN a < b THEN CASE WHEN x < a THEN 0 WHEN x >= b THEN n + 1
        ELSE floor(n * (CAST(x AS DOUBLE) - a) / (CAST(b AS DOUBLE) - a)) + 1 END
    ELSE CASE WHEN x > a THEN 0 WHEN x <= b THEN n + 1
        ELSE floor(n * (CAST(a AS DOUBLE) - x) / (CAST(a AS DOUBLE) - b)) + 1 END END AS BIGINT);
CREATE MACRO athena_geometric_mean(v) AS exp(avg(ln(v)));
CREATE MACRO athena_every(v) AS bool_and(v);
CREATE MACRO athena_bitwise_not(a) AS ~CAST(a AS BIGINT);
CREATE MACRO athena_bitwise_xor(a, b) AS xor(a, b);
CREATE MACRO athena_is_nan(v) AS isnan(v);
CREATE MACRO athena_is_finite(v) AS isfinite(v);
CREATE MACRO athena_is_infinite(v) AS isinf(v);
CREATE MACRO athena_infinity() AS CAST('Infinity' AS DOUBLE);
CREATE MACRO athena_nan() AS CAST('NaN' AS DOUBLE);
CREATE MACRO athena_e() AS exp(1);

-- What stands for a function until the types are known: it has to bind, for any type.
CREATE MACRO duckdb_sequence(a, b) AS [a, b], (a, b, s) AS [a, b];
CREATE MACRO duckdb_cardinality(a) AS CASE WHEN a IS NULL THEN NULL ELSE CAST(1 AS BIGINT) END;
CREATE MACRO duckdb_reverse(a) AS a;
CREATE MACRO duckdb_typeof(a) AS CAST(a AS VARCHAR);

-- What a rewritten query needs beside Athena's functions.
CREATE MACRO duckdb_quotient_of_doubles(a, b) AS CASE WHEN b = 0 THEN a * CAST('Infinity' AS DOUBLE) ELSE a / b END;
CREATE MACRO duckdb_error(t) AS CAST(error(t) AS BOOLEAN);
CREATE MACRO duckdb_count_up(n) AS range(1, n + 1);
CREATE MACRO athena_to_iso8601(t) AS
    CASE WHEN typeof(t) = 'DATE' THEN strftime(CAST(t AS DATE), '%Y-%m-%d')
    WHEN typeof(t) = 'TIMESTAMP' THEN strftime(CAST(t AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%g')
    ELSE strftime(CAST(t AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ') END;
-- A quotient of decimals as a text of digits, rounded half up: each is taken without its point, and one is shifted.
CREATE MACRO duckdb_digits(d, n) AS CAST(replace(CAST(d AS VARCHAR), '.', '') || repeat('0', n) AS HUGEINT);
CREATE MACRO duckdb_half_up(a, b) AS
    CASE WHEN (a < 0) = (b < 0) THEN (abs(a) * 2 + abs(b)) // (abs(b) * 2)
    ELSE -((abs(a) * 2 + abs(b)) // (abs(b) * 2)) END;
CREATE MACRO duckdb_point(d, s) AS
    CASE WHEN s = 0 THEN d ELSE regexp_replace(d, '^(-?)([0-9]+)$', '\1' || repeat('0', s) || '\2') END;
CREATE MACRO duckdb_quotient(a, b, m, n, s) AS
    regexp_replace(duckdb_point(CAST(duckdb_half_up(duckdb_digits(a, m), duckdb_digits(b, n)) AS VARCHAR), s),
        '([0-9]{' || s || '})$', '.\1');

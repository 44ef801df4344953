-- Functions of Athena that DuckDB lacks or computes otherwise, as macros.
-- Source: https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html, which names Trino's functions.

-- No match is null, not an empty text.
CREATE MACRO athena_regexp_extract(s, p, g := 0) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END;
CREATE MACRO athena_regexp_count(s, p) AS CAST(len(regexp_extract_all(s, p)) AS BIGINT);
CREATE MACRO athena_regexp_split(s, p) AS regexp_split_to_array(s, p);
-- A part that is not there is null, not an empty text.
CREATE MACRO athena_split_part(s, d, n) AS list_extract(str_split(s, d), n);
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
CREATE MACRO athena_url_extract_query(u) AS regexp_extract(u, '[?]([^#]*)', 1);

-- Complete units that have passed, not boundaries that were crossed.
CREATE MACRO athena_date_diff(u, a, b) AS date_sub(u, CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP));
CREATE MACRO athena_to_unixtime(t) AS epoch(t);
CREATE MACRO athena_from_unixtime(n) AS date_trunc('millisecond', to_timestamp(n));
CREATE MACRO athena_last_day_of_month(d) AS last_day(d);
CREATE MACRO athena_day_of_year(d) AS CAST(dayofyear(d) AS BIGINT);
CREATE MACRO athena_millisecond(t) AS CAST(millisecond(t) % 1000 AS BIGINT);
CREATE MACRO athena_from_iso8601_date(s) AS CAST(s AS DATE);
CREATE MACRO athena_from_iso8601_timestamp(s) AS CAST(s AS TIMESTAMPTZ);

-- What is nested is no scalar; a text that is no JSON is null.
CREATE MACRO athena_json_extract_scalar(j, p) AS
    CASE WHEN json_type(TRY_CAST(j AS JSON), p) NOT IN ('OBJECT', 'ARRAY', 'NULL')
        THEN json_extract_string(TRY_CAST(j AS JSON), p) END;
CREATE MACRO athena_json_extract(j, p) AS json_extract(TRY_CAST(j AS JSON), p);
CREATE MACRO athena_json_parse(s) AS CAST(s AS JSON);
CREATE MACRO athena_json_format(j) AS CAST(j AS VARCHAR);
CREATE MACRO athena_json_array_length(j) AS CAST(json_array_length(CAST(j AS JSON)) AS BIGINT);
CREATE MACRO athena_json_size(j, p) AS
    CAST(coalesce(json_array_length(CAST(j AS JSON), p), len(json_keys(CAST(j AS JSON), p)), 0) AS BIGINT);

CREATE MACRO athena_array_sort(a) AS list_sort(a, 'ASC', 'NULLS LAST');
CREATE MACRO athena_array_max(a) AS CASE WHEN list_contains(list_transform(a, lambda x: x IS NULL), true) THEN NULL
    ELSE list_max(a) END;
CREATE MACRO athena_array_min(a) AS CASE WHEN list_contains(list_transform(a, lambda x: x IS NULL), true) THEN NULL
    ELSE list_min(a) END;
CREATE MACRO athena_array_union(a, b) AS list_distinct(list_concat(a, b));
CREATE MACRO athena_array_intersect(a, b) AS list_intersect(a, b);
CREATE MACRO athena_array_except(a, b) AS list_distinct(list_filter(a, lambda x: NOT list_contains(b, x)));
CREATE MACRO athena_arrays_overlap(a, b) AS list_has_any(a, b);
CREATE MACRO athena_array_remove(a, v) AS list_filter(a, lambda x: x <> v);
CREATE MACRO athena_array_position(a, v) AS CAST(coalesce(list_position(a, v), 0) AS BIGINT);
CREATE MACRO athena_slice(a, s, n) AS
    CASE WHEN s > 0 THEN list_slice(a, s, s + n - 1) ELSE list_slice(a, len(a) + s + 1, len(a) + s + n) END;
CREATE MACRO athena_repeat(v, n) AS list_transform(range(n), lambda _: v);
CREATE MACRO athena_zip(a, b) AS list_zip(a, b);

CREATE MACRO athena_map_agg(k, v) AS map(list(k), list(v));
CREATE MACRO athena_geometric_mean(v) AS exp(avg(ln(v)));
CREATE MACRO athena_every(v) AS bool_and(v);
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

"""Every difference between Redshift's SQL and PostgreSQL's that the stand-in acts on, with its reason, in one place.

Refused here is what PostgreSQL could do and Redshift cannot: SQL that passes the stand-in should pass the real one.
Source: https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html,
https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-datatypes.html,
https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-functions.html and the pages of single commands.
"""

from __future__ import annotations

#: Keyword sequences that Redshift's grammar does not have. Value: why.
REFUSED_WORDS: dict[tuple[str, ...], str] = {
    ("on", "conflict"): "Redshift has no INSERT ... ON CONFLICT; use MERGE",
    ("returning",): "Redshift has no RETURNING",
    ("distinct", "on"): "Redshift has no DISTINCT ON; use ROW_NUMBER()",
    ("filter", "("): "Redshift has no FILTER clause for aggregates; use CASE",
    ("lateral",): "Redshift has no LATERAL",
    ("tablesample",): "Redshift has no TABLESAMPLE",
    ("for", "update"): "Redshift has no row locks; use LOCK",
    ("for", "share"): "Redshift has no row locks; use LOCK",
    ("fetch", "first"): "Redshift has no FETCH FIRST; use LIMIT",
    ("with", "ordinality"): "Redshift has no WITH ORDINALITY",
    ("array", "["): "Redshift has no array constructor",
    ("from", "(", "values"): "Redshift has VALUES in INSERT only",
    ("join", "(", "values"): "Redshift has VALUES in INSERT only",
    ("default", "values", "returning"): "Redshift has no RETURNING",
    ("~*",): "Redshift has no case-insensitive regular expression operator; use REGEXP_COUNT with 'i'",
    ("!~*",): "Redshift has no case-insensitive regular expression operator",
    ("@", ">"): "Redshift has no containment operator",
    ("<", "@"): "Redshift has no containment operator",
    ("-", ">"): "Redshift has no JSON operators; use JSON_EXTRACT_PATH_TEXT",
    ("gen_random_uuid", "("): "Redshift has no UUIDs",
}

#: Keyword sequences that Redshift's grammar has and the stand-in has not. Value: what it is called.
MISSING_WORDS: dict[tuple[str, ...], str] = {
    ("pivot", "("): "PIVOT",
    ("unpivot", "("): "UNPIVOT",
    ("unpivot", "include"): "UNPIVOT",
    ("unpivot", "exclude"): "UNPIVOT",
    ("*", "exclude"): "EXCLUDE in a select list",
    ("exclude", "("): "EXCLUDE in a select list",
    ("ignore", "nulls"): "IGNORE NULLS",
    ("group", "by", "all"): "GROUP BY ALL",
}

#: Functions of PostgreSQL that Redshift does not have (or has on the leader node only).
REFUSED_FUNCTIONS = frozenset(
    {
        "array_agg",
        "array_append",
        "array_cat",
        "array_length",
        "array_position",
        "array_prepend",
        "array_remove",
        "array_replace",
        "array_to_string",
        "array_upper",
        "array_lower",
        "string_to_array",
        "unnest",
        "string_agg",
        "json_agg",
        "jsonb_agg",
        "json_object_agg",
        "jsonb_object_agg",
        "json_build_object",
        "jsonb_build_object",
        "json_build_array",
        "jsonb_build_array",
        "to_json",
        "to_jsonb",
        "row_to_json",
        "jsonb_path_query",
        "json_each",
        "jsonb_each",
        "json_each_text",
        "jsonb_each_text",
        "json_array_elements",
        "jsonb_array_elements",
        "to_tsvector",
        "to_tsquery",
        "regexp_matches",
        "regexp_split_to_array",
        "regexp_split_to_table",
        "regexp_match",
        "gen_random_uuid",
        "uuid_generate_v4",
        "xmlagg",
        "xmlelement",
        "xpath",
        "age",
        "make_date",
        "make_timestamp",
        "make_interval",
        "format",
        "concat_ws",
        "statement_timestamp",
        "clock_timestamp",
        "transaction_timestamp",
        "pg_sleep_for",
        "pg_advisory_lock",
        "pg_advisory_xact_lock",
        "pg_try_advisory_lock",
        "currval",
        "nextval",
        "setval",
        "lastval",
        "num_nonnulls",
        "num_nulls",
        "date_bin",
        "txid_current",
        "pg_notify",
        "hashtext",
    }
)

#: Functions that run on the leader node only: not beside a table of the warehouse.
#: Source: https://docs.aws.amazon.com/redshift/latest/dg/c_sql-functions-leader-node.html
LEADER_FUNCTIONS = frozenset(
    {
        "current_schema",
        "current_schemas",
        "generate_series",
        "has_database_privilege",
        "has_schema_privilege",
        "has_table_privilege",
        "now",
    }
)

#: How the names of the leader node's own tables and views begin.
LEADER_TABLES = ("pg_", "svv_", "svl_", "svcs_", "stl_", "stv_", "sys_", "information_schema")

#: Encodings, and the types of the columns that may have them, without lengths; raw and zstd go with all.
#: Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Compression_encodings.html
_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric"})
_DATES = frozenset({"date", "timestamp without time zone", "timestamp with time zone"})
_TEXTS = frozenset({"character", "character varying"})
_FLOATS = frozenset({"real", "double precision"})
ENCODINGS: dict[str, frozenset[str]] = {
    "az64": _NUMBERS | _DATES,
    "bytedict": _NUMBERS | _DATES | _TEXTS | _FLOATS,
    "delta": frozenset({"smallint", "integer", "bigint", "numeric", "date", "timestamp without time zone"}),
    "delta32k": frozenset({"integer", "bigint", "numeric", "date", "timestamp without time zone"}),
    "lzo": _NUMBERS | _DATES | _TEXTS,
    "mostly8": _NUMBERS,
    "mostly16": _NUMBERS - {"smallint"},
    "mostly32": frozenset({"bigint", "numeric"}),
    "runlength": _NUMBERS | _DATES | _TEXTS | _FLOATS | {"boolean"},
    "text255": frozenset({"character varying"}),
    "text32k": frozenset({"character varying"}),
}
ENCODINGS_OF_ALL = frozenset({"raw", "zstd"})

#: Types of PostgreSQL that no column, cast or parameter may have in Redshift.
REFUSED_TYPES = frozenset(
    {
        "uuid",
        "json",
        "jsonb",
        "bytea",
        "serial",
        "bigserial",
        "smallserial",
        "serial4",
        "serial8",
        "serial2",
        "money",
        "bit",
        "varbit",
        "inet",
        "cidr",
        "macaddr",
        "macaddr8",
        "tsvector",
        "tsquery",
        "xml",
        "point",
        "line",
        "lseg",
        "box",
        "path",
        "polygon",
        "circle",
        "int4range",
        "int8range",
        "numrange",
        "tsrange",
        "tstzrange",
        "daterange",
        "int4multirange",
        "hstore",
        "citext",
    }
)

#: Types that Redshift has and the stand-in does not.
MISSING_TYPES = frozenset({"super", "varbyte", "varbinary", "geometry", "geography", "hllsketch"})

#: Settings that only Redshift has; they are kept and have no effect.
OWN_SETTINGS = frozenset(
    {
        "query_group",
        "enable_result_cache_for_session",
        "wlm_query_slot_count",
        "analyze_threshold_percent",
        "error_on_nondeterministic_update",
        "describe_field_name_in_uppercase",
    }
)

#: Functions whose first argument is a bare word for a part of a date; PostgreSQL takes a string.
DATE_PART_FUNCTIONS = frozenset({"dateadd", "date_add", "datediff", "date_diff", "date_part", "datepart"})

#: Functions with the same name and another meaning, or with no name of their own in PostgreSQL. Key: Redshift's name.
RENAMED_FUNCTIONS = {
    "nvl": "coalesce",
    # Redshift replaces all occurrences, PostgreSQL the first.
    "regexp_replace": "redshift_regexp_replace",
    "date_part": "redshift_date_part",
    "datepart": "redshift_date_part",
    "datepart_year": "redshift_date_part",
    "pgdate_part": "redshift_date_part",
    "date_add": "dateadd",
    "date_diff": "datediff",
    "length": "redshift_length",
    "char_length": "redshift_length",
    "character_length": "redshift_length",
    "textlen": "redshift_length",
    "len": "redshift_length",
    # PostgreSQL's own takes json, which Redshift has not: there it is a function of text.
    "json_extract_path_text": "redshift_json_extract_path_text",
    "trunc": "redshift_trunc",
}

#: Redshift's names for the parts of a date.
#: Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
DATE_PARTS = {
    alias: part
    for part, aliases in {
        "millennium": "millennium millennia mil mils",
        "century": "century centuries c cent cents",
        "decade": "decade decades dec decs",
        "epoch": "epoch",
        "year": "year years y yr yrs",
        "quarter": "quarter quarters qtr qtrs",
        "month": "month months mon mons",
        "week": "week weeks w",
        "dow": "dayofweek dow dw weekday",
        "doy": "dayofyear doy dy yearday",
        "day": "day days d",
        "hour": "hour hours h hr hrs",
        "minute": "minute minutes m min mins",
        "second": "second seconds s sec secs",
        "milliseconds": "millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon",
        "microseconds": "microsecond microseconds microsec microsecs microsecond usecond useconds us usec usecs",
        "timezone": "timezone",
        "timezone_hour": "timezone_hour",
        "timezone_minute": "timezone_minute",
    }.items()
    for alias in aliases.split()
}

MAX_VARCHAR_BYTES = 65535
MAX_NAME_BYTES = 127
MAX_CHAR_BYTES = 4096
DEFAULT_VARCHAR_BYTES = 256
MAX_DECIMAL_DIGITS = 38

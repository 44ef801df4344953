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
    ("is", "distinct", "from"): "Redshift has no IS DISTINCT FROM",
    ("is", "not", "distinct", "from"): "Redshift has no IS NOT DISTINCT FROM",
    ("intersect", "all"): "Redshift has no INTERSECT ALL",
    ("except", "all"): "Redshift has no EXCEPT ALL",
    ("minus", "all"): "Redshift has no MINUS ALL",
    ("row", "("): "Redshift has no row constructor",
    ("from", "only"): "Redshift has no inheritance",
    ("explain", "analyze"): "Redshift has no EXPLAIN ANALYZE; SYS_QUERY_DETAIL tells what a query did",
    ("explain", "("): "Redshift has no options of EXPLAIN but VERBOSE",
    ("ctid",): "Redshift has no ctid",
}

#: Keyword sequences that Redshift's grammar has and the stand-in has not. Value: what it is called.
MISSING_WORDS: dict[tuple[str, ...], str] = {
    ("connect", "by"): "CONNECT BY",
    ("start", "with"): "START WITH … CONNECT BY",
}

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

#: Names of types in casts that PostgreSQL has not, or not with these defaults, and those that may stand in quotes.
TYPE_NAMES = {
    "datetime": "timestamp",
    "decimal": "numeric",
    "dec": "numeric",
    "numeric": "numeric",
    "nvarchar": "varchar",
    "nchar": "char",
    **{
        name: name
        for name in ("int", "integer", "bigint", "smallint", "varchar", "text", "date", "boolean", "float", "real")
    },
}

#: Types that Redshift has and the stand-in does not.
MISSING_TYPES = frozenset({"super", "varbyte", "varbinary", "geometry", "geography", "hllsketch"})

#: Settings that only Redshift has, and their defaults; they are kept and have no effect.
#: Source: https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html
OWN_SETTINGS = {
    "query_group": "unset",
    "enable_result_cache_for_session": "on",
    "wlm_query_slot_count": "1",
    "analyze_threshold_percent": "10",
    "error_on_nondeterministic_update": "off",
    "describe_field_name_in_uppercase": "off",
}

#: Functions whose first argument is a bare word for a part of a date; PostgreSQL takes a string.
DATE_PART_FUNCTIONS = frozenset({"dateadd", "date_add", "datediff", "date_diff", "date_part", "datepart"})

#: Functions that have another name in PostgreSQL. Key: Redshift's name. Results are called as Redshift calls them.
RENAMED_FUNCTIONS = {
    "nvl": "coalesce",
    "datepart": "date_part",
    "pgdate_part": "date_part",
    "dateadd": "date_add",
    "datediff": "date_diff",
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

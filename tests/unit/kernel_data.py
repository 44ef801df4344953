"""Texts and what becomes of them: of every type, format, check and way of standardising."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime

from sluice.contract import Column

TYPES = (
    "smallint", "integer", "bigint", "decimal(12,2)", "decimal(38,0)", "decimal(38,38)", "decimal(5,5)", "decimal(1,0)",
    "real", "double precision", "boolean", "date", "timestamp",
)  # fmt: skip
EDGES = (
    "", " ", "0", "-0", "+0", "007", "1e5", "1E5", "1.0", "1.", ".5", ".", "-", "+", "--1", "1-", "0x10",
    "1_000", "1,000", "٣", "1 ", " 1", "1\n", "\t1", "NaN", "nan", "Infinity", "-inf", "1d", "1f", "1L", "null",
    "NULL", "true", "TRUE", "Yes", "n", "T", "32767", "32768", "-32768", "-32769", "2147483647", "2147483648",
    "-2147483649", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "00000000000000000000000000000001", "9" * 38, "9" * 39, "0." + "9" * 38, "0." + "9" * 39, "12.10",
    "12.100000000000000000000", "12.101", "9999999999.99", "10000000000.00", "1.2345e3", "1e-2", "1e-3",
    "120e-1", "0e99", "0.000e-99", "1e999", "-1e999", "1e-999", "1e1000", "3.4028235e38", "3.5e38",
    "1.7976931348623157e308", "1.8e308", "0.1", "1e22", "123456789.123456789", "2026-11-20", "2026-2-3",
    "20261120", "2026-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "2026-13-01", "2026-00-10",
    "2026-04-31", "2026-12-31", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "-2026-01-01",
    "2026-11-20T", "2026-11-20 13:05:06", "2026-11-20T13:05:06", "2026-11-20t13:05:06", "2026-11-20T13:05",
    "2026-11-20T24:00:00", "2026-11-20T13:60:00", "2026-11-20T13:05:60", "2026-11-20T13:05:06.",
    "2026-11-20T13:05:06.5", "2026-11-20T13:05:06.123456", "2026-11-20T13:05:06.1234567",
    "2026-11-20T13:05:06Z", "2026-11-20T13:05:06z", "2026-11-20T13:05:06+01:00", "2026-11-20T13:05:06-0330",
    "2026-11-20T13:05:06+01", "2026-11-20T13:05Z",
    "2026-11-20 13:05:06.123456000-08", "2026-11-20T13+01", "2026-11-20T13:05:06+18:00", "2026-11-20T13:05:06+18:01",
    "2026-11-20T13:05:06+05:60", "2026-11-20T13:05:06 UTC", "2026-02-30T00:00:00", "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00", "1582-10-10", "1582-10-10T00:00:00", "2026-03-29T02:30:00",
)  # fmt: skip


def texts() -> Iterator[str]:
    """The edges, and what one changed character makes of them."""
    yield from EDGES
    chance = random.Random(20261120)
    for _ in range(4000):
        text = chance.choice(EDGES)
        place = chance.randint(0, len(text))
        yield text[:place] + chance.choice("0123456789.-+eE:TZ \n") + text[place + chance.randint(0, 1) :]


FORMATS: dict[tuple[str, str], dict[str, object]] = {
    ("date", "%d.%m.%Y"): {
        "20.11.2026": date(2026, 11, 20),
        "29.02.2024": date(2024, 2, 29),
        "29.02.2026": None,
        "1.2.2026": date(2026, 2, 1),
        "1.02.2026": date(2026, 2, 1),
        "001.2.2026": None,
        "0.2.2026": None,
        "20.11.26": None,
        "20.11.2026 ": None,
        "20.11.2026x": None,
        "2026-11-20": None,
    },
    ("date", "%d%b%Y"): {
        "20Nov2026": date(2026, 11, 20),
        "1Nov2026": date(2026, 11, 1),
        "20Foo2026": None,
        "31Apr2026": None,
    },
    ("date", "on %d/%B/%y"): {"on 03/March/26": date(2026, 3, 3), "03/March/26": None},
    ("date", "%Y%m%d"): {"20261120": date(2026, 11, 20), "2026111": None, "202611": None},
    ("date", "%d/%m/%y"): {"31/12/68": date(2068, 12, 31), "01/01/69": date(1969, 1, 1), "14/07/05": date(2005, 7, 14)},
    ("date", "%Y%j"): {"2026001": date(2026, 1, 1), "20261": None, "2024366": date(2024, 12, 31), "2026366": None},
    ("timestamp", "%d.%m.%Y %H:%M:%S"): {
        "20.11.2026 13:05:06": datetime(2026, 11, 20, 13, 5, 6, tzinfo=UTC),
        "20.11.2026 24:00:00": None,
        "20.11.2026 13:05": None,
        "31.11.2026 13:05:06": None,
    },
    ("timestamp", "%Y-%m-%dT%T.%f%z"): {
        "2026-11-20T13:05:06.5+0100": datetime(2026, 11, 20, 12, 5, 6, 500000, tzinfo=UTC),
        "2026-11-20T13:05:06.123456+01:00": datetime(2026, 11, 20, 12, 5, 6, 123456, tzinfo=UTC),
        "2026-11-20T13:05:06.1Z": datetime(2026, 11, 20, 13, 5, 6, 100000, tzinfo=UTC),
        "2026-11-20T13:05:06.1": None,
    },
    ("timestamp", "%m/%d/%Y %I:%M %p"): {
        "3/7/2026 1:05 PM": datetime(2026, 3, 7, 13, 5, tzinfo=UTC),
        "03/07/2026 12:05 am": datetime(2026, 3, 7, 0, 5, tzinfo=UTC),
        "3/7/2026 13:05 PM": None,
        "3/7/2026 1:5 PM": None,
        "11/20/2026 01:05 PM": datetime(2026, 11, 20, 13, 5, tzinfo=UTC),
        "11/20/2026 12:00 AM": datetime(2026, 11, 20, tzinfo=UTC),
        "11/20/2026 13:05 PM": None,
    },
    ("timestamp", "%d%% '%Y-%m %H"): {"20% '2026-11 07": datetime(2026, 11, 20, 7, tzinfo=UTC), "20 2026-11 07": None},
}


CHECKED: dict[str, tuple[Column, dict[str | None, str | None]]] = {
    "key": (Column("key", "integer"), {"1": None, None: "t.key: null in a key", "x": "t.key: not an integer"}),
    "at": (Column("at", "date"), {None: "t.at: null in order_by", "2026-02-30": "t.at: not a date"}),
    "must": (Column("must", "real", required=True), {None: "t.must: required", "NaN": "t.must: not a real"}),
    "may": (Column("may", "decimal(5,2)"), {None: None, "1000": "t.may: not a decimal(5,2)", "999.99": None}),
    "low": (
        Column("low", "decimal(5,2)", min=0, max=1.5),
        {"0": None, "-0.01": "t.low: below the minimum", "1.5": None, "1.51": "t.low: above the maximum"},
    ),
    "day": (
        Column("day", "date", min="2026-01-01", max="2026-12-31"),
        {"2026-01-01": None, "2025-12-31": "t.day: below the minimum", "2027-01-01": "t.day: above the maximum"},
    ),
    "moment": (
        Column("moment", "timestamp", min="2026-01-01T00:00:00"),
        {"2026-01-01T00:00:00Z": None, "2026-01-01T00:00:00+00:01": "t.moment: below the minimum"},
    ),
    "big": (Column("big", "bigint", allowed=(1, 2)), {"1": None, "+02": None, "3": "t.big: not in the allowed values"}),
    "flag": (Column("flag", "boolean", allowed=(True,)), {"yes": None, "no": "t.flag: not in the allowed values"}),
    "word": (
        Column("word", "varchar(5)", allowed=("a", "ab")),
        {"a": None, "A": "t.word: not in the allowed values", "": "t.word: not in the allowed values"},
    ),
    "like": (
        Column("like", "varchar(9)", pattern="a+|b"),
        {
            "aa": None,
            "b": None,
            "ab": "t.like: does not match the pattern",
            "b\n": "t.like: does not match the pattern",
        },
    ),
    "bytes": (
        Column("bytes", "varchar(5)"),
        {
            "abcde": None,
            "äöü": "t.bytes: longer than 5 bytes",
            "äöa": None,
            "😀": None,
            "a\0": "t.bytes: contains a NUL character",
        },
    ),
    "fixed": (
        Column("fixed", "char(2)"),
        {"ab": None, "abc": "t.fixed: longer than 2 bytes", "ä": "t.fixed: char holds single-byte characters only"},
    ),
}  # fmt: skip


STANDARDISED: list[tuple[Column, dict[str | None, str | None]]] = [
    (Column("a", "varchar(9)"), {" x ": " x ", "": None, "NULL": None, "null": "null", None: None}),
    (Column("b", "varchar(9)", trim=True), {" \t\u00a0x y\r\n\ufeff": "x y", "  ": None, " NULL ": None}),
    (Column("c", "varchar(9)", null_values=("-",)), {"-": None, "": None, "--": "--"}),
    (Column("d", "varchar(9)", case="upper"), {"null": "NULL", "straße": "STRASSE", "é": "É"}),
    (Column("e", "varchar(9)", case="lower", default="X"), {"ÀB": "àb", "": "X", None: "X"}),
    (Column("f", "boolean", default=False), {None: "false", "true": "true"}),
    (Column("g", "integer", default=0), {"": "0", "5": "5"}),
]

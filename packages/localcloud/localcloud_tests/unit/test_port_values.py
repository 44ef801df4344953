"""Values of the warehouse's port: parameters as literals, results in binary, and the catalog's own columns."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.redshift.dialect.lexer import tokenize
from localcloud.redshift.dialect.own_columns import with_own_columns
from localcloud.redshift.errors import SqlError
from localcloud.redshift.port import values
from localcloud.redshift.port.login import check_encoding
from localcloud.redshift.port.messages import Body, ProtocolError, format_of


@pytest.mark.parametrize(
    ("kind", "value", "literal"),
    [
        (23, b"5", "5"),
        (20, b"-5", "(-5)"),
        (1700, b"1.50", "1.50"),
        (1700, b"NaN", "'NaN'"),
        (701, b"1e5", "'1e5'::float8"),
        (16, b"t", "true"),
        (16, b"false", "false"),
        (1082, b"2026-11-20", "'2026-11-20'::date"),
        (1184, b"2026-11-20 13:00:00+00", "'2026-11-20 13:00:00+00'::timestamptz"),
        (0, b"it's", "'it''s'"),
        (1043, rb"a\b", r"'a\\b'"),
        (25, None, "NULL"),
    ],
)
def test_a_parameter_becomes_a_literal_of_its_type(kind: int, value: bytes | None, literal: str) -> None:
    assert values.bound("SELECT $1", [kind], [value]) == f"SELECT {literal}"


def test_parameters_stand_where_values_may_stand_and_nowhere_else() -> None:
    statement = "SELECT '$1', \"$1\", $2, $1 -- $1"
    assert values.count_parameters(statement) == 2
    assert values.bound(statement, [23, 23], [b"1", b"2"]) == "SELECT '$1', \"$1\", 2, 1 -- $1"
    assert values.bound("COPY t FROM $1", [0], [b"s3://b/k"]) == "COPY t FROM $1"
    with pytest.raises(SqlError, match=r"there is no parameter \$2"):
        values.bound("SELECT $2", [], [b"1"])


@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_no_text_leaves_its_literal(text: str) -> None:
    found = values.bound("SELECT $1", [1043], [text.encode()])
    _, literal = tokenize(found)
    assert literal.value == text


@pytest.mark.parametrize(
    ("kind", "value", "binary"),
    [
        (16, b"t", b"\1"),
        (21, b"-2", struct.pack("!h", -2)),
        (20, b"5", struct.pack("!q", 5)),
        (701, b"1.5", struct.pack("!d", 1.5)),
        (1082, b"2000-01-02", struct.pack("!i", 1)),
        (1114, b"2000-01-01 00:00:00.000001", struct.pack("!q", 1)),
        (1184, b"2000-01-01 02:00:00+02", struct.pack("!q", 0)),
        (1266, b"01:00:00+02", struct.pack("!qi", 3_600_000_000, -7200)),
        (1043, "ä".encode(), "ä".encode()),
        (1700, b"-10000.5", struct.pack("!hhHH3h", 3, 1, 0x4000, 1, 1, 0, 5000)),
        (1700, b"0", struct.pack("!hhHH", 0, 0, 0, 0)),
    ],
)
def test_results_in_binary(kind: int, value: bytes, binary: bytes) -> None:
    assert values.encoder(kind)(value) == binary


def test_a_type_without_a_binary_form_is_refused() -> None:
    with pytest.raises(SqlError, match="no binary output function available for type 1186"):
        values.encoder(1186)


@pytest.mark.parametrize(("formats", "found"), [((), [0, 0]), ((1,), [1, 1]), ((0, 1), [0, 1])])
def test_formats_are_none_one_or_one_each(formats: tuple[int, ...], found: list[int]) -> None:
    assert [format_of(formats, place) for place in (0, 1)] == found


@pytest.mark.parametrize("content", [b"", b"no end", b"\xff\0"])
def test_a_text_of_a_message_ends_and_is_utf8(content: bytes) -> None:
    with pytest.raises(ProtocolError):
        Body(content).text()


def test_texts_are_in_utf8_only() -> None:
    for name in ("", "UTF8", "utf-8", "UNICODE"):
        check_encoding(name)
    with pytest.raises(SqlError, match="client_encoding"):
        check_encoding("LATIN1")


def test_questions_about_redshifts_own_columns_go_to_its_views() -> None:
    asked = (
        "SELECT c.reldiststyle, a.attname FROM pg_catalog.{0} c JOIN pg_attribute a ON true WHERE {1} AND c.oid <> 1"
    )
    assert with_own_columns(asked.format("pg_class", 1)) == asked.format("redshift_class", "true")
    assert with_own_columns(asked.format("pg_class", "1 = 1")) == asked.format("redshift_class", "1 = 1")
    plain = "SELECT relname, 1 FROM pg_class WHERE 1 = 1"
    assert with_own_columns(plain) == plain

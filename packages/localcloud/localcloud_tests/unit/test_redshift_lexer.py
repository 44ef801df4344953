"""SQL is cut where Redshift cuts it, and put together again unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.redshift.dialect.lexer import Kind, quote_name, quote_text, replace, split, tokenize
from localcloud.redshift.errors import SqlError

PIECES = st.lists(
    st.sampled_from(
        [
            "select",
            "1.5e3",
            "'a;''b\\';'",
            '"x;""y"',
            "$$ ; $$",
            "$q$ $$ ; $q$",
            "-- ;'\n",
            "/* ;' /* ; */ */",
            ":name",
            "::",
            "(",
        ]
    ),
    max_size=8,
)


@given(PIECES)
def test_a_text_without_semicolons_outside_is_one_statement(pieces: list[str]) -> None:
    text = " ".join(["select", *pieces])
    assert split(text) == (text.strip(),)
    assert len(split(f"{text} ;\n{text};;")) == 2


@given(PIECES)
def test_tokens_stand_where_they_say(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    tokens = tokenize(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert replace(text, tokens, lambda _: None) == text
    assert replace(text, tokens, lambda token: token.text) == text


@given(st.text())
def test_a_quoted_text_reads_back_as_itself(value: str) -> None:
    (token,) = tokenize(quote_text(value))
    assert (token.kind, token.value) == (Kind.STRING, value)


@given(st.text(min_size=1))
def test_a_quoted_name_is_one_token(name: str) -> None:
    (token,) = tokenize(quote_name(name))
    assert (token.kind, token.name) == (Kind.QUOTED, name.lower())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"'it\'s'", "it's"),
        ("'it''s'", "it's"),
        (r"'a\\'", "a\\"),
        (r"'\n'", "\n"),
        (r"'\d'", "d"),
        ("$x$ a $$ b $x$", " a $$ b "),
    ],
)
def test_values_of_literals(text: str, value: str) -> None:
    assert tokenize(text)[0].value == value


@pytest.mark.parametrize("text", ["'open", '"open', "/* open", "/* /* */", "'open\\'"])
def test_what_has_no_end_is_an_error(text: str) -> None:
    with pytest.raises(SqlError, match="unterminated"):
        tokenize(text)


def test_kinds() -> None:
    found = [(token.kind.value, token.text) for token in tokenize("#t.a::int=:p and 1..2 <= .5 || x$1 $1")]
    assert found == [
        ("word", "#t"),
        ("symbol", "."),
        ("word", "a"),
        ("symbol", "::"),
        ("word", "int"),
        ("symbol", "="),
        ("parameter", ":p"),
        ("word", "and"),
        ("number", "1"),
        ("symbol", ".."),
        ("number", "2"),
        ("symbol", "<="),
        ("number", ".5"),
        ("symbol", "||"),
        ("word", "x$1"),
        ("symbol", "$1"),
    ]

"""Nothing reaches a statement without passing a rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import LayoutError
from sluice.warehouse.quoting import iam_role, identifier, literal, names, object_url, qualified


def test_names_are_quoted_so_that_reserved_words_work() -> None:
    assert identifier("select") == '"select"'
    assert qualified("public", "order") == '"public"."order"'
    assert names(["a", "user"]) == '"a", "user"'
    assert names(["a", "user"], '"t"') == '"t"."a", "t"."user"'


@pytest.mark.parametrize("name", ["", "1a", "A", "a-b", 'a"b', "a b", "a;b", "ä", "a\n", "a.b", "a" * 128])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name for the warehouse"):
        identifier(name)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_literal_reads_back_as_the_same_text(text: str) -> None:
    assert read_literal(literal(text)) == text


def read_literal(sql: str) -> str:
    """Read a literal as Redshift does: a doubled quote is a quote, a backslash takes the next character as it is."""
    assert sql[0] == sql[-1] == "'"
    found, rest = "", sql[1:-1]
    while rest:
        if rest[0] in "'\\":
            assert rest[:2] == 2 * rest[0], f"{sql} ends too early"
            rest = rest[1:]
        found, rest = found + rest[0], rest[1:]
    return found


def test_a_literal_cannot_hold_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        literal("a\0b")


@pytest.mark.parametrize("role", ["default", "arn:aws:iam::123456789012:role/copy"])
def test_roles(role: str) -> None:
    assert iam_role(role) in (role, f"'{role}'")


@pytest.mark.parametrize("role", ["", "DEFAULT", "role/copy", "arn:aws:iam::1:role/x", "default' FORMAT AS CSV --"])
def test_any_other_role_is_refused(role: str) -> None:
    with pytest.raises(ValueError, match="copy_role"):
        iam_role(role)


def test_a_url_that_is_no_object_is_refused() -> None:
    assert object_url("s3://bucket/it's") == "'s3://bucket/it''s'"
    with pytest.raises(LayoutError):
        object_url("https://bucket/key")

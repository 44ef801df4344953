"""Names and texts as they stand in SQL. Everything that the builders put into a statement passes through here."""

import re
from collections.abc import Iterable

from sluice.lake.layout import split_url

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")

MAX_IDENTIFIER_BYTES = 127
OWN_SCHEMA = "sluice"
"""Schema of the audit table and the staging tables."""


def identifier(name: str) -> str:
    """A name in double quotes, so that reserved words are names like any other.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html (127 bytes; case is folded even in quotes).

    Raises:
        ValueError: The name is not lower case letters, digits and underscores, or is too long.
    """
    if not _IDENTIFIER.fullmatch(name) or len(name) > MAX_IDENTIFIER_BYTES:
        raise ValueError(
            f"{name!r} is not a name for the warehouse: lower case letters, digits and underscores, not first a "
            f"digit, at most {MAX_IDENTIFIER_BYTES}"
        )
    return f'"{name}"'


def qualified(schema: str, table: str) -> str:
    """A table's name with its schema."""
    return f"{identifier(schema)}.{identifier(table)}"


def literal(text: str) -> str:
    """A text in single quotes; quotes and backslashes are doubled, because Redshift reads a backslash as an escape.

    Raises:
        ValueError: The text has a NUL character, which no Redshift text can hold.
    """
    if "\0" in text:
        raise ValueError(f"{text!r} has a NUL character")
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def names(columns: Iterable[str], table: str = "") -> str:
    """Column names with commas between them.

    Args:
        columns: The names.
        table: Table or alias before each, already quoted.
    """
    prefix = f"{table}." if table else ""
    return ", ".join(prefix + identifier(name) for name in columns)


def lines(*parts: str) -> str:
    """A statement with one clause a line."""
    return "\n".join(parts)


def object_url(url: str) -> str:
    """The URL of an S3 object as a literal.

    Raises:
        LayoutError: It is no such URL.
    """
    split_url(url)
    return literal(url)


def iam_role(role: str) -> str:
    """What stands behind ``IAM_ROLE`` in a COPY.

    Args:
        role: ``default`` or the ARN of a role.

    Raises:
        ValueError: It is neither.
    """
    if role == "default":
        return role
    if not all(_ROLE.fullmatch(part) for part in role.split(",")):
        raise ValueError(f"copy_role: {role!r} is neither 'default' nor the ARN of an IAM role")
    return literal(role)

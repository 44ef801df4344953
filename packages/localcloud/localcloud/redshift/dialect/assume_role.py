"""GRANT and REVOKE of ASSUMEROLE: who may name which IAM role in COPY and UNLOAD.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT-usage-notes.html
"""

from __future__ import annotations

from collections.abc import Callable

from localcloud.redshift.dialect.lexer import quote_name, quote_text
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.errors import SqlError

_COMMANDS = ("copy", "unload", "external function", "create model")


def assume_role(sql: str) -> Prepared:
    """Prepare GRANT ASSUMEROLE and REVOKE ASSUMEROLE."""
    reader = Reader(sql)
    is_grant = reader.take("grant")
    if not is_grant:
        reader.expect("revoke")
    reader.expect("assumerole", "on")
    roles = _listed(reader, _role)
    reader.expect("to" if is_grant else "from")
    grantees = _listed(reader, _grantee)
    reader.expect("for")
    commands = _COMMANDS if reader.take("all") else tuple(_listed(reader, _command))
    reader.end()
    facts = ", ".join(f"ARRAY[{', '.join(map(quote_text, each))}]" for each in (roles, grantees, commands))
    step = f"CALL pg_catalog.redshift_change_assumerole({str(is_grant).lower()}, {facts})"
    return Prepared("grant" if is_grant else "revoke", (step,))


def _listed(reader: Reader, read: Callable[[Reader], str]) -> list[str]:
    found = [read(reader)]
    while reader.take(","):
        found.append(read(reader))
    return found


def _role(reader: Reader) -> str:
    for word in ("all", "default"):
        if reader.take(word):
            return word
    return reader.string()


def _grantee(reader: Reader) -> str:
    if reader.take("public"):
        return "public"
    if not reader.take("role"):
        reader.take("group")
    return quote_name(reader.name())


def _command(reader: Reader) -> str:
    for command in _COMMANDS:
        if reader.take(*command.split()):
            return command
    token = reader.peek()
    raise SqlError(f'syntax error at or near "{token.text}"' if token is not None else "syntax error at end of input")

"""Users, groups, roles and what is granted to them.

What Redshift notes of a user and PostgreSQL cannot is left out where it has no effect here: the right to make
databases, which of the system logs are seen, and when a session ends.
Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_USER.html
"""

from __future__ import annotations

import re

from localcloud.redshift.database import DATABASE
from localcloud.redshift.dialect.assume_role import assume_role
from localcloud.redshift.dialect.differences import OWN_SETTINGS
from localcloud.redshift.dialect.lexer import quote_name, quote_text, replace, tokenize
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.dialect.rewrite import rewrite
from localcloud.redshift.errors import NotInStandInError, SqlError

_HASHED = re.compile(r"md5[0-9a-f]{32}|sha256\|.+")
#: Privileges and kinds of grants that PostgreSQL has not; ALTER of tables has a stand-in.
_OWN_GRANTS = {
    **{name: name.upper() for name in ("alter", "drop", "explain", "access")},
    "ignore": "IGNORE RLS",
}
_NO_TABLES = frozenset({"copy", "database", "datashare", "external", "schema"})


def create_user(sql: str) -> Prepared:
    """Prepare CREATE USER; ``PASSWORD DISABLE`` is a user who cannot log in by password."""
    reader = Reader(sql)
    reader.expect("create", "user")
    name = reader.name()
    reader.take("with")
    return Prepared("create user", (f"CREATE USER {quote_name(name)}{_options(reader)}",))


def alter_user(sql: str) -> Prepared:
    """Prepare ALTER USER."""
    reader = Reader(sql)
    reader.expect("alter", "user")
    head = f"ALTER USER {quote_name(reader.name())}"
    reader.take("with")
    if reader.take("rename", "to"):
        change = f" RENAME TO {quote_name(reader.name())}"
        reader.end()
    elif reader.take("reset", "session", "timeout"):
        reader.end()
        change = ""
    elif reader.looks_at("set") or reader.looks_at("reset"):
        change = _setting(reader)
    else:
        change = _options(reader)
    return Prepared("alter user", (head + change,))


def _setting(reader: Reader) -> str:
    verb = reader.next().text.upper()
    name = reader.name()
    value = rewrite(reader.rest())
    # Without a change PostgreSQL only looks the user up.
    return "" if name in OWN_SETTINGS else f" {verb} {quote_name(name)} {value}"


def _options(reader: Reader) -> str:
    found = [_option(reader)]
    while not reader.at_end:
        found.append(_option(reader))
    return "".join(f" {option}" for option in found if option)


def _option(reader: Reader) -> str:
    if reader.take("password"):
        return "PASSWORD NULL" if reader.take("disable") else f"PASSWORD {quote_text(_password(reader.string()))}"
    if reader.take("createuser"):
        raise NotInStandInError("A user who is a superuser (CREATEUSER)")
    if reader.take("in", "group"):
        return f"IN GROUP {_names(reader)}"
    if reader.take("valid", "until"):
        return f"VALID UNTIL {quote_text(reader.string())}"
    if reader.take("connection", "limit"):
        return f"CONNECTION LIMIT {-1 if reader.take('unlimited') else reader.integer()}"
    return _without_effect(reader)


def _password(value: str) -> str:
    """A password as Redshift takes it.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
    """
    if _HASHED.fullmatch(value):
        return value
    if not 8 <= len(value) <= 64 or not all(re.search(kind, value) for kind in ("[A-Z]", "[a-z]", "[0-9]")):
        raise SqlError(
            "password must have 8 to 64 characters, with one uppercase letter, one lowercase letter and one number"
        )
    if re.search(r"['\"\\/@ ]|[^\x21-\x7e]", value):
        raise SqlError("password must not contain ' \" \\ / @ or blanks")
    return value


def create_role(sql: str) -> Prepared:
    """Prepare CREATE ROLE; an identity from elsewhere is only noted by Redshift.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_ROLE.html
    """
    reader = Reader(sql)
    reader.expect("create", "role")
    name = quote_name(reader.name())
    if reader.take("externalid"):
        reader.next()
    reader.end()
    return Prepared("create role", (f"CREATE ROLE {name}",))


def drop_role(sql: str) -> Prepared:
    """Prepare DROP ROLE; with FORCE and without, PostgreSQL takes the role from those who have it.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_ROLE.html
    """
    reader = Reader(sql)
    reader.expect("drop", "role")
    if_exists = "IF EXISTS " if reader.take("if", "exists") else ""
    name = quote_name(reader.name())
    if not reader.take("force"):
        reader.take("restrict")
    reader.end()
    return Prepared("drop role", (f"DROP ROLE {if_exists}{name}",))


def _without_effect(reader: Reader) -> str:
    if reader.take("createdb") or reader.take("nocreatedb") or reader.take("nocreateuser"):
        return ""
    if reader.take("syslog", "access"):
        if not (reader.take("restricted") or reader.take("unrestricted")):
            raise reader.error()
        return ""
    if reader.take("session", "timeout"):
        reader.integer()
        return ""
    raise reader.error()


def _names(reader: Reader) -> str:
    found = [quote_name(reader.name())]
    while reader.take(","):
        found.append(quote_name(reader.name()))
    return ", ".join(found)


def create_group(sql: str) -> Prepared:
    """Prepare CREATE GROUP, with its first users when they are named.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_GROUP.html
    """
    reader = Reader(sql)
    reader.expect("create", "group")
    name = quote_name(reader.name())
    reader.take("with")
    users = f" USER {_names(reader)}" if reader.take("user") else ""
    reader.end()
    return Prepared("create group", (f"CREATE GROUP {name}{users}",))


def grant(sql: str) -> Prepared:
    """Prepare GRANT and REVOKE: Redshift says of a grantee what it is, and calls a role by that word when it grants it.

    PostgreSQL's TRIGGER, which Redshift does not have, stands for Redshift's ALTER of a table; `executor` heeds it.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
    """
    tokens = tokenize(sql)
    keys = [token.key for token in tokens]
    if keys[1:2] == ["assumerole"]:
        return assume_role(sql)
    if "datashare" in keys:
        raise NotInStandInError(f"{keys[0].upper()} ON DATASHARE")
    for place in range(len(keys) - 1):
        if keys[place] == "sys" and tokens[place + 1].text.startswith(":"):
            raise NotInStandInError("A system-defined role (SYS:…)", "a role of your own")
        if keys[place : place + 2] == ["language", "plpythonu"]:
            raise NotInStandInError(f"{keys[0].upper()} … LANGUAGE plpythonu", "functions in SQL")
    end = next((place for place, key in enumerate(keys) if key in {"on", "to", "from", "for"}), len(keys))
    about = keys[1:end]
    if "alter" in about and keys[end : end + 1] == ["on"] and keys[end + 1] not in _NO_TABLES:
        return grant(
            replace(sql, tokens, lambda token: "TRIGGER" if token in tokens[1:end] and token.key == "alter" else None)
        )
    own = next((name for key, name in _OWN_GRANTS.items() if key in about), None)
    if own is not None or "for" in keys[:6] or about[:2] == ["create", "table"]:
        kind = own or ("FOR" if "for" in keys[:6] else "CREATE TABLE")
        raise NotInStandInError(
            f"{keys[0].upper()} … {kind}",
            "GRANT of SELECT, INSERT, UPDATE, DELETE, REFERENCES, TRUNCATE, ALTER of tables",
        )
    return Prepared(keys[0], (rewrite(_named(sql)),))


def _named(sql: str) -> str:
    """Leave out what Redshift says of a grantee: ROLE, USER."""
    tokens = tokenize(sql)
    keys = [token.key for token in tokens]
    gone = {
        token.start
        for place, token in enumerate(tokens[1:], start=1)
        if (keys[place] == "role" and keys[place - 1] in {"grant", "revoke", "for", "to", "from", ","})
        or (keys[place] == "user" and keys[place - 1] in {"to", "from", ","})
    }
    return replace(sql, tokens, lambda token: "" if token.start in gone else None)


def alter_default_privileges(sql: str) -> Prepared:
    """Prepare ALTER DEFAULT PRIVILEGES; PostgreSQL has procedures among its routines.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DEFAULT_PRIVILEGES.html
    """
    routines = re.sub(r"(?i)\bon\s+procedures\b", "ON ROUTINES", sql)
    return Prepared("alter default privileges", (rewrite(_named(routines)),))


def schema(sql: str) -> Prepared:
    """Prepare CREATE SCHEMA and ALTER SCHEMA; a quota is read and not watched.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_SCHEMA.html
    """
    reader = Reader(sql)
    kind = " ".join(token.key for token in reader.tokens[:2])
    sql = _without_database(sql)
    reader = Reader(sql)
    text = reader.until("quota")
    if not reader.take("quota"):
        return Prepared(kind, (rewrite(sql),))
    if not reader.take("unlimited"):
        _quota(reader)
    reader.end()
    if kind == "create schema":
        return Prepared(kind, (rewrite(text),))
    name = Reader(text)
    name.expect("alter", "schema")
    # Only its name is looked up: an unknown schema is an error.
    return Prepared(kind, (f"SELECT {quote_text(quote_name(name.name()))}::regnamespace WHERE false",))


def _without_database(sql: str) -> str:
    """Leave out this warehouse's database in front of a schema, as tools write it."""
    tokens = tokenize(sql)
    name = 5 if [token.key for token in tokens[2:5]] == ["if", "not", "exists"] else 2
    is_qualified = name + 1 < len(tokens) and tokens[name + 1].key == "." and tokens[name].name == DATABASE
    return sql[: tokens[name].start] + sql[tokens[name + 1].end :] if is_qualified else sql


def _quota(reader: Reader) -> None:
    number = reader.next()
    if re.fullmatch(r"\d+(\.\d+)?", number.text) is None:
        raise SqlError(f'syntax error at or near "{number.text}"')
    if not any(reader.take(unit) for unit in ("mb", "gb", "tb")):
        reader.end()

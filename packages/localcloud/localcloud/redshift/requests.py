"""Checks requests of the Data API before anything runs, and binds parameters.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_ExecuteStatement.html,
https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_BatchExecuteStatement.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from localcloud.redshift.dialect.lexer import Kind, Token, quote_text, replace, split, tokenize
from localcloud.redshift.errors import SqlError, ValidationError
from localcloud.redshift.statements import Request

MAX_STATEMENTS = 40
MAX_STATEMENT_BYTES = 100 * 1024
_MAX_WAIT_SECONDS = 30
_MAX_KEEP_ALIVE_SECONDS = 86_400
_MAX_TOKEN = 64
_MAX_NAME = 2048
_ID = re.compile(r"[a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}(:\d{0,2})?")
_PARAMETER_NAME = re.compile(r"[0-9a-zA-Z_]+")
_CLUSTER = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_WORKGROUP = re.compile(
    r"[a-z0-9-]{3,63}|arn:aws[a-z-]*:redshift-serverless:[a-z0-9-]+:\d{12}:workgroup/[0-9a-z-]{1,63}(/[a-z0-9-]{1,63})?"
)
#: What PostgreSQL, like Redshift, can prepare with parameters; other statements have no place for a value.
TAKES_PARAMETERS = frozenset({"select", "insert", "update", "delete", "with", "merge", "call", "explain", "create"})

Body = Mapping[str, object]


def text(body: Body, name: str, *, required: bool = False) -> str | None:
    """Give a text member of a request.

    Raises:
        ValidationError: it is missing or no text.
    """
    value = body.get(name)
    if value is None:
        if required:
            raise ValidationError(f"{name} is required")
        return None
    if not isinstance(value, str):
        raise ValidationError(f"{name} must be a string")
    return value


def integer(body: Body, name: str, least: int, most: int) -> int | None:
    """Give a whole number within its limits.

    Raises:
        ValidationError: it is not a number or out of the limits.
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValidationError(f"{name} must be a whole number from {least} to {most}")
    return value


def wait_seconds(body: Body) -> int | None:
    """Give how long the caller wants to wait for the statement."""
    return integer(body, "WaitTimeSeconds", 1, _MAX_WAIT_SECONDS)


def statement_id(body: Body) -> str:
    """Give the id of a statement.

    Raises:
        ValidationError: it is missing or has another shape.
    """
    value = text(body, "Id", required=True) or ""
    if _ID.fullmatch(value) is None:
        raise ValidationError(f"id must satisfy regex pattern: {_ID.pattern}")
    return value


def client_token(body: Body) -> str | None:
    """Give the client token."""
    token = text(body, "ClientToken")
    if token is not None and not 1 <= len(token) <= _MAX_TOKEN:
        raise ValidationError(f"ClientToken must have 1 to {_MAX_TOKEN} characters")
    return token


def target(body: Body) -> tuple[tuple[str, str], ...]:
    """Give the workgroup or cluster that a request names, and the user.

    Raises:
        ValidationError: none or both are named, or a name has another shape.
    """
    cluster, workgroup = text(body, "ClusterIdentifier"), text(body, "WorkgroupName")
    if (cluster is None) == (workgroup is None):
        raise ValidationError("Exactly one of ClusterIdentifier and WorkgroupName is required")
    if cluster is not None and _CLUSTER.fullmatch(cluster) is None:
        raise ValidationError(f"ClusterIdentifier must satisfy regex pattern: {_CLUSTER.pattern}")
    if workgroup is not None and _WORKGROUP.fullmatch(workgroup) is None:
        raise ValidationError("WorkgroupName is not a name or ARN of a workgroup")
    if workgroup is not None and text(body, "DbUser") is not None:
        raise ValidationError("DbUser is not supported with WorkgroupName")
    names = ("ClusterIdentifier", "WorkgroupName", "SecretArn", "DbUser")
    return tuple((name, value) for name in names if (value := text(body, name)) is not None)


def read_request(body: Body, sqls: Sequence[str], *, is_batch: bool) -> Request:
    """Check a request to run SQL.

    Args:
        body: the request.
        sqls: its statements.
        is_batch: whether it is a BatchExecuteStatement.

    Raises:
        ValidationError: the request breaks a rule of the API.
    """
    parameters = _parameters(body)
    session_id = text(body, "SessionId")
    database = text(body, "Database")
    if session_id is not None and (database or body.get("WorkgroupName") or body.get("ClusterIdentifier")):
        raise ValidationError("SessionId goes without Database, WorkgroupName and ClusterIdentifier")
    if session_id is None and not database:
        raise ValidationError("Database is required")
    return Request(
        sqls=tuple(sqls),
        bound=bind(tuple(_one_statement(sql) for sql in sqls), parameters),
        is_batch=is_batch,
        is_transaction=_choice(body, "ExecutionMode", ("TRANSACTION", "AUTO_COMMIT")) == "TRANSACTION",
        database=database or "",
        target=() if session_id is not None else target(body),
        parameters=tuple(parameters.items()),
        name=_name(body),
        result_format=_choice(body, "ResultFormat", ("JSON", "CSV")),
        session_id=session_id,
        keep_alive_seconds=integer(body, "SessionKeepAliveSeconds", 0, _MAX_KEEP_ALIVE_SECONDS),
    )


def batch_sqls(body: Body) -> list[str]:
    """Give the statements of a batch.

    Raises:
        ValidationError: there are none, too many, or other things than texts.
    """
    sqls = body.get("Sqls")
    if not isinstance(sqls, list) or not all(isinstance(sql, str) for sql in sqls):
        raise ValidationError("Sqls must be a list of strings")
    if not 1 <= len(sqls) <= MAX_STATEMENTS:
        raise ValidationError(f"Sqls must have 1 to {MAX_STATEMENTS} statements, it has {len(sqls)}")
    return sqls


def _choice(body: Body, name: str, choices: tuple[str, ...]) -> str:
    value = text(body, name) or choices[0]
    if value not in choices:
        raise ValidationError(f"{name} must be one of {', '.join(choices)}")
    return value


def _name(body: Body) -> str:
    name = text(body, "StatementName") or ""
    if len(name) > _MAX_NAME:
        raise ValidationError(f"StatementName must have at most {_MAX_NAME} characters")
    return name


def _one_statement(sql: str) -> str:
    size = len(sql.encode())
    if size > MAX_STATEMENT_BYTES:
        raise ValidationError(f"A SQL statement has {size} bytes, more than the maximum of {MAX_STATEMENT_BYTES}")
    try:
        found = split(sql)
    except SqlError:
        # An open string or comment is an error of the SQL, which shows as a failed statement.
        return sql
    if len(found) != 1:
        raise ValidationError(f"Exactly one SQL statement is expected, found {len(found)}")
    return found[0]


def _parameters(body: Body) -> dict[str, str]:
    given = body.get("Parameters")
    if given is None:
        return {}
    if not isinstance(given, list) or not given:
        raise ValidationError("Parameters must be a list with at least one element")
    found: dict[str, str] = {}
    for parameter in given:
        name, value = _parameter(parameter)
        if name in found:
            raise ValidationError(f"Parameters has :{name} twice")
        found[name] = value
    return found


def _parameter(parameter: object) -> tuple[str, str]:
    if not isinstance(parameter, Mapping):
        raise ValidationError("A parameter has a name and a value")
    name, value = text(parameter, "name", required=True) or "", text(parameter, "value", required=True) or ""
    if _PARAMETER_NAME.fullmatch(name) is None:
        raise ValidationError(f"Parameter name {name!r} must satisfy regex pattern: {_PARAMETER_NAME.pattern}")
    if not value:
        raise ValidationError(f"The value of parameter {name} must have at least one character")
    return name, value


def bind(sqls: tuple[str, ...], parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Put the values of parameters into statements, as literals without a type.

    Raises:
        ValidationError: a parameter is used that has no value, or has a value and is used nowhere.
    """
    if not parameters:
        return sqls
    used: set[str] = set()
    bound = tuple(_bind(sql, parameters, used) for sql in sqls)
    unused = [name for name in parameters if name not in used]
    if unused:
        raise ValidationError(f"Parameters list contains unused parameters. Unused parameters: {unused}")
    return bound


def _bind(sql: str, parameters: Mapping[str, str], used: set[str]) -> str:
    def value(token: Token) -> str | None:
        if token.kind is not Kind.PARAMETER:
            return None
        name = token.text[1:]
        if name not in parameters:
            raise ValidationError(f"Parameters list does not contain value for parameter :{name}")
        used.add(name)
        return quote_text(parameters[name]) if takes_parameters else f"${len(used)}"

    try:
        tokens = tokenize(sql)
    except SqlError:
        return sql
    # Elsewhere the placeholder stays one, and the statement fails on it as it does in Redshift.
    takes_parameters = bool(tokens) and tokens[0].key in TAKES_PARAMETERS
    return replace(sql, tokens, value)

"""DuckDB's errors as Athena's.

Source: https://docs.aws.amazon.com/athena/latest/ug/error-reference.html names the errors; their texts are Trino's.
"""

import re
from collections.abc import Callable

import duckdb

from localcloud.athena.dialect.parsing import place_of
from localcloud.athena.errors import QueryError, not_here

_OURS = re.compile(r"([A-Z][A-Z_]+[A-Z]): (.*)", re.DOTALL)
Message = Callable[[re.Match[str], str], QueryError]


def plan_error(error: duckdb.Error, sql: str) -> QueryError:
    """An error of a query that cannot be run at all.

    Args:
        error: DuckDB's.
        sql: the query as it was given.
    """
    text = _first_line(error)
    for pattern, make in _PLAN:
        found = re.search(pattern, text)
        if found is not None:
            return make(found, sql)
    if isinstance(error, (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)):
        return run_error(error)
    return QueryError("SYNTAX_ERROR", f"line 1:1: {text}")


def run_error(error: duckdb.Error) -> QueryError:
    """An error of a query that has begun to run.

    Args:
        error: DuckDB's.
    """
    text = _first_line(error)
    ours = _OURS.match(text)
    if ours is not None:
        return QueryError(ours[1], ours[2])
    if re.search(r"invalid perl operator|invalid escape sequence|invalid group", text):
        return not_here(f"a regular expression with look-around, back references or the like ({text})")
    overflow = re.search(r"Overflow in (\w+) of (?:U?INT(\d+)|DECIMAL\S*) \((.*)\)", text)
    if overflow is not None:
        kind = {"8": "tinyint", "16": "smallint", "32": "integer", "64": "bigint"}.get(overflow[2] or "", "decimal")
        return QueryError("NUMERIC_VALUE_OUT_OF_RANGE", f"{kind} {overflow[1]} overflow: {overflow[3]}")
    if re.search("division by zero", text, re.IGNORECASE):
        return QueryError("DIVISION_BY_ZERO", "Division by zero")
    if isinstance(error, duckdb.ConversionException):
        return QueryError("INVALID_CAST_ARGUMENT", text)
    if isinstance(error, duckdb.OutOfRangeException):
        return QueryError("NUMERIC_VALUE_OUT_OF_RANGE", text)
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryError("EXCEEDED_LOCAL_MEMORY_LIMIT", text)
    if isinstance(error, duckdb.InvalidInputException):
        return QueryError("INVALID_FUNCTION_ARGUMENT", text)
    return QueryError("GENERIC_INTERNAL_ERROR", text)


def _first_line(error: duckdb.Error) -> str:
    text = str(error).partition("\n")[0].strip()
    return re.sub(r"^(?:[A-Z][\w ]*? Error|Invalid Input Error|Error): ", "", text)


def _column(found: re.Match[str], sql: str) -> QueryError:
    return QueryError("COLUMN_NOT_FOUND", f"{place_of(sql, found[1])}Column '{found[1]}' cannot be resolved")


def _column_of(found: re.Match[str], sql: str) -> QueryError:
    name = f"{found[1]}.{found[2]}"
    return QueryError("COLUMN_NOT_FOUND", f"{place_of(sql, found[2])}Column '{name}' cannot be resolved")


def _ambiguous(found: re.Match[str], sql: str) -> QueryError:
    return QueryError("AMBIGUOUS_NAME", f"{place_of(sql, found[1])}Column '{found[1]}' is ambiguous")


def _function(found: re.Match[str], sql: str) -> QueryError:
    name = found[1].removeprefix("athena_")
    return QueryError("FUNCTION_NOT_FOUND", f"{place_of(sql, name)}Function '{name}' not registered")


def _arguments(found: re.Match[str], sql: str) -> QueryError:
    name = found[1].removeprefix("athena_")
    text = f"{place_of(sql, name)}Unexpected parameters ({found[2].lower()}) for function {name}"
    return QueryError("FUNCTION_NOT_FOUND", text)


def _of_bytes(_: re.Match[str], __: str) -> QueryError:
    return not_here("length of a varbinary")


def _element(_: re.Match[str], __: str) -> QueryError:
    return not_here("|| of an array and an element (write the element as array[…])")


def _grouped(found: re.Match[str], sql: str) -> QueryError:
    text = f"{place_of(sql, found[1])}'{found[1]}' must be an aggregate expression or appear in GROUP BY clause"
    return QueryError("EXPRESSION_NOT_AGGREGATE", text)


def _operands(found: re.Match[str], _: str) -> QueryError:
    names = {"STRING_LITERAL": "varchar", "INTEGER_LITERAL": "integer"}
    left, right = (names.get(name, name.lower()) for name in (found[2], found[3]))
    return QueryError("TYPE_MISMATCH", f"Cannot apply operator: {left} {found[1]} {right}")


_PLAN: tuple[tuple[str, Message], ...] = (
    (r'Referenced column "([^"]+)" not found', _column),
    (r'Referenced column "([^"]+)" was not found', _column),
    (r'Referenced table "([^"]+)" not found', _column),
    (r'(?:Table|Values list) "([^"]+)" does not have a column named "([^"]+)"', _column_of),
    (r'Ambiguous reference to column name "([^"]+)"', _ambiguous),
    (r"Function with name \"?(\w+)\"? does not exist", _function),
    (r"types 'length\(BLOB\)'", _of_bytes),
    (r"Cannot concatenate types \S+\[\] and|Cannot concatenate types \S+ and \S+\[\]", _element),
    (r"No function matches the given name and argument types '(\w+)\((.*)\)'", _arguments),
    (r"function call \"?([-+*/%])\((\w+), (\w+)\)", _operands),
    (r"arguments? types '([-+*/%])\((\w+), (\w+)\)'", _operands),
    (r'column "([^"]+)" must appear in the GROUP BY', _grouped),
)

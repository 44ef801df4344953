"""What a contract must satisfy beyond its shape. Each problem is one line: the field, a colon, the rule."""

import re
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, InvalidOperation
from functools import cache

from sluice.contract.limits import SYSTEM_COLUMNS, column_limits, table_limits
from sluice.contract.model import EPOCHS, ROOT_PREFIX, YEAR_PIVOT, Column, Contract, CsvSource, Scalar, Table, XmlSource
from sluice.contract.shape import ShapeError, shape_of
from sluice.contract.sqltype import INTEGER_BITS, SqlType
from sluice.lake.layout import PARTITION_KEYS, Layout, is_reserved

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_DATE_DIRECTIVES = set("YmdHMSfbByIpzjT%")
_WIDE = Context(prec=1000)  # The usual 28 digits would round a decimal(38,n) before it is looked at.


def problems(contract: Contract) -> list[str]:
    """Every rule that one contract breaks, as ``field: rule``."""
    found = list(_contract(contract))
    return found or list(_shape(contract))


def problems_between(contracts: Sequence[Contract]) -> list[str]:
    """Every rule that contracts break together: names and folders belong to one contract each."""
    found = [f"dataset {name!r} is declared {n} times" for name, n in _repeated(c.dataset for c in contracts)]
    names = [name for contract in contracts for name in (*(t.name for t in contract.tables), contract.quarantine_table)]
    found += [f"table {name!r} is published by {n} tables" for name, n in _repeated(names)]
    for index, one in enumerate(contracts):
        for other in contracts[index + 1 :]:
            if _overlap(one.layout.root, other.layout.root):
                found.append(
                    f"datasets {one.dataset!r} and {other.dataset!r} share the folder {one.layout.root!r}: "
                    "the first folders of a layout must tell datasets apart"
                )
    return found


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _repeated(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    return ((name, count) for name, count in Counter(names).items() if count > 1)


def _contract(contract: Contract) -> Iterator[str]:
    yield from _name("dataset", contract.dataset)
    yield from _source(contract)
    if not 0 <= contract.max_rejected_ratio <= 1:
        yield f"max_rejected_ratio: {contract.max_rejected_ratio} is not between 0 and 1"
    yield from _timezone("timezone", contract.timezone)
    if not contract.tables:
        yield "tables: at least one table is needed"
    for name, count in _repeated(table.name for table in contract.tables):
        yield f"tables: name {name!r} is used {count} times"
    for index, table in enumerate(contract.tables):
        yield from _table(f"tables[{index}]", table)
        if contract.source.format != "csv":  # There a source is the name of a column, whatever characters it holds.
            yield from _paths(f"tables[{index}]", table)
        if table.explode and contract.source.format == "csv":
            yield f"tables[{index}].explode: a CSV record has no nested arrays"
        if contract.source.format in ("csv", "xml"):
            for column in table.columns:
                if column.json:
                    at = f"tables[{index}].columns[{table.columns.index(column)}] ({column.name})"
                    yield f"{at}.json: only JSON and Parquet have values that can be written as JSON"


def _shape(contract: Contract) -> Iterator[str]:
    """Paths that exclude each other; they can be looked at only where every path is one."""
    try:
        shape_of(contract)
    except ShapeError as exc:
        yield f"tables: source {exc}"


def _source(contract: Contract) -> Iterator[str]:
    source = contract.source
    try:
        root = Layout(source.layout).root
        if is_reserved(f"{root}/"):
            yield f"source.layout: the folder {root!r} is reserved"
    except ValueError as exc:
        yield f"source.layout: {exc}"
    if isinstance(source, CsvSource):
        yield from _csv(source)
    if isinstance(source, XmlSource) and not re.fullmatch(r"[A-Za-z_][\w.-]*", source.row_tag):
        yield f"source.row_tag: {source.row_tag!r} is not an element name"
    encoding = getattr(source, "encoding", None)
    if encoding is not None and not _is_encoding(encoding):
        yield f"source.encoding: unknown encoding {encoding!r}"


def _csv(source: CsvSource) -> Iterator[str]:
    for field in ("delimiter", "quote", "escape"):
        if len(getattr(source, field)) != 1:
            yield f"source.{field}: {getattr(source, field)!r} is not one character"
    if source.delimiter == source.quote:
        yield "source.quote: is the delimiter as well"
    if source.escape_unquoted and source.escape == source.quote:
        yield "source.escape_unquoted: needs an escape that is not the quote"
    if source.skip_lines < 0:
        yield f"source.skip_lines: {source.skip_lines} is less than 0"


def _is_encoding(name: str) -> bool:
    try:
        return "".encode(name) == b"" or bool("a".encode(name))
    except (LookupError, UnicodeError):
        return False


def _table(at: str, table: Table) -> Iterator[str]:
    yield from _name(f"{at}.name", table.name)
    if not table.columns:
        yield f"{at}.columns: at least one column is needed"
    for name, count in _repeated(table.column_names):
        yield f"{at}.columns: name {name!r} is used {count} times"
    for index, column in enumerate(table.columns):
        yield from _column(f"{at}.columns[{index}] ({column.name})", column)
    for field, names in (
        ("primary_key", table.primary_key),
        ("order_by", table.order_by),
        ("redshift.sort_key", table.redshift.sort_key),
        ("redshift.dist_key", (table.redshift.dist_key,) if table.redshift.dist_key else ()),
        ("business_date", () if table.business_date is None else (table.business_date,)),
    ):
        for name in names:
            if name not in table.column_names:
                yield f"{at}.{field}: {name!r} is not a column of table {table.name!r}"
        for name, _ in _repeated(names):
            yield f"{at}.{field}: {name!r} is named twice"
    yield from table_limits(at, table)
    yield from _load_mode(at, table)
    yield from _absence(at, table)
    yield from _business_date(at, table)


def _business_date(at: str, table: Table) -> Iterator[str]:
    for column in table.columns:
        if column.name != table.business_date:
            continue
        try:
            is_temporal = column.sql_type.is_temporal
        except ValueError:
            return  # The column itself is told what is wrong with its type.
        if not is_temporal:
            yield f"{at}.business_date: {column.name!r} is {column.type}; a business date is a date or a timestamp"


def _absence(at: str, table: Table) -> Iterator[str]:
    if table.may_be_absent and table.explode is None:
        yield f"{at}.may_be_absent: belongs to an array that is exploded, and {table.name!r} has no explode"
    for index, column in enumerate(table.columns):
        if column.may_be_absent and column.name in table.not_null and column.default is None:
            yield (
                f"{at}.columns[{index}] ({column.name}).may_be_absent: the column is never null and has no default, "
                "so that no row of such a file could be good"
            )


def _load_mode(at: str, table: Table) -> Iterator[str]:
    if table.load == "upsert" and not table.primary_key:
        yield f"{at}.primary_key: load mode 'upsert' needs one"
    if table.load == "upsert" and not table.order_by:
        yield f"{at}.order_by: load mode 'upsert' needs one, to tell the newest version of a row"
    if (table.redshift.distribution == "key") != (table.redshift.dist_key is not None):
        yield f"{at}.redshift: distribution 'key' and dist_key go together"


def _name(at: str, name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        form = "lower case letters, digits and underscores, beginning with a letter (at most 100)"
        yield f"{at}: {name!r} must be {form}"


def _column(at: str, column: Column) -> Iterator[str]:
    yield from _name(f"{at}.name", column.name)
    if column.name in PARTITION_KEYS:
        yield f"{at}.name: {column.name!r} is the name of a partition key"
    if column.name in SYSTEM_COLUMNS:
        yield f"{at}.name: {column.name!r} is a system column of every table of Redshift; rename it, with source"
    if not column.path.removeprefix(ROOT_PREFIX):
        yield f"{at}.source: {column.path!r} is not a path"
    try:
        sql_type = SqlType.parse(column.type)
    except ValueError as exc:
        yield f"{at}.type: {exc}"
        return
    yield from _text_rules(at, column, sql_type)
    yield from _reading_rules(at, column, sql_type)
    yield from _value_rules(at, column, sql_type)
    yield from column_limits(at, column, sql_type)


def _paths(at: str, table: Table) -> Iterator[str]:
    for index, column in enumerate(table.columns):
        if ".." in column.path or column.path.endswith("."):
            yield f"{at}.columns[{index}] ({column.name}).source: {column.path!r} is not a path"


def _reading_rules(at: str, column: Column, sql_type: SqlType) -> Iterator[str]:
    """Options that say how a value is written, each where such a value can be."""
    if column.year_pivot != YEAR_PIVOT and "%y" not in (column.format or ""):
        yield f"{at}.year_pivot: belongs to a format with %y"
    if not 0 <= column.year_pivot <= 100:
        yield f"{at}.year_pivot: {column.year_pivot} is not between 0 and 100"
    for field in ("timezone", "sub_microseconds"):
        if getattr(column, field) not in (None, "refuse") and sql_type.name != "timestamp":
            yield f"{at}.{field}: only timestamps have a {field}"
    yield from _timezone(f"{at}.timezone", column.timezone)
    is_number = sql_type.is_integer or sql_type.name in ("decimal", "real", "double precision")
    if (column.decimal_mark != "." or column.thousands_mark is not None) and not is_number:
        yield f"{at}.decimal_mark: only numbers have marks"
    mark = column.thousands_mark
    if mark is not None and (len(mark) != 1 or mark == column.decimal_mark or mark in "0123456789+-eE"):
        yield f"{at}.thousands_mark: {mark!r} is not one character that stands between digits"


@cache
def _timezones() -> frozenset[str]:
    """Names of time zones; none where a machine has no list of them: there only AWS reads contracts.

    Python opens every file of the list for it, which is a hundredth of a second and more, so nobody asks without need.
    """
    return frozenset(zoneinfo.available_timezones())


def _timezone(at: str, name: str | None) -> Iterator[str]:
    if name is None or name == "UTC":
        return
    known = _timezones()
    if known and name not in known:
        yield f"{at}: {name!r} is not a valid time zone of the IANA list, such as 'Europe/Berlin'"


def _text_rules(at: str, column: Column, sql_type: SqlType) -> Iterator[str]:
    if column.format in EPOCHS:
        if sql_type.name != "timestamp":
            yield f"{at}.format: {column.format!r} is of timestamps"
    elif column.format is not None:
        if not sql_type.is_temporal:
            yield f"{at}.format: only dates and timestamps have a format"
        unknown = sorted(set(re.findall(r"%(.?)", column.format)) - _DATE_DIRECTIVES)
        if unknown:
            yield f"{at}.format: unknown directive %{unknown[0]}"
    if column.json and (not sql_type.is_text or column.case is not None):
        yield f"{at}.json: JSON is kept in char or varchar, and its letters as they are"
    for field in ("case", "pattern"):
        if getattr(column, field) is not None and not sql_type.is_text:
            yield f"{at}.{field}: only char and varchar have a {field}"
    try:
        re.compile(column.pattern or "")
    except re.error as exc:
        yield f"{at}.pattern: not a regular expression: {exc}"


def _value_rules(at: str, column: Column, sql_type: SqlType) -> Iterator[str]:
    bounds: list[tuple[str, Scalar]] = [("allowed", value) for value in column.allowed]
    for field in ("min", "max", "default"):
        value = getattr(column, field)
        if value is not None:
            bounds.append((field, value))
    are_values = True
    for field, value in bounds:
        try:
            typed_value(sql_type, value)
        except ValueError as exc:
            are_values = False
            yield f"{at}.{field}: {exc}"
    if not are_values:
        return
    if sql_type.name == "boolean" and (column.min is not None or column.max is not None):
        yield f"{at}.min: a boolean has no smallest and largest value"
        return
    if column.min is not None and column.max is not None and _is_larger(sql_type, column.min, column.max):
        yield f"{at}.min: {column.min} is larger than max {column.max}"
    if column.default is not None:
        yield from _default_rules(at, column, column.default, sql_type)


def _default_rules(at: str, column: Column, default: Scalar, sql_type: SqlType) -> Iterator[str]:
    """A default that breaks the column's own rules would put every null into quarantine."""
    allowed = [typed_value(sql_type, value) for value in column.allowed]
    if allowed and typed_value(sql_type, default) not in allowed:
        yield f"{at}.default: {default!r} is not one of the allowed values"
    if column.min is not None and _is_larger(sql_type, column.min, default):
        yield f"{at}.default: {default} is smaller than min {column.min}"
    if column.max is not None and _is_larger(sql_type, default, column.max):
        yield f"{at}.default: {default} is larger than max {column.max}"


def _is_larger(sql_type: SqlType, one: Scalar, other: Scalar) -> bool:
    # Two values of one type compare; the union of the types does not know that.
    return typed_value(sql_type, one) > typed_value(sql_type, other)  # type: ignore[operator]


def typed_value(sql_type: SqlType, value: Scalar) -> str | Decimal | datetime | bool:
    """A value of the contract as its column's type sees it; used for comparing and for checking the contract.

    Raises:
        ValueError: The value is none of that type.
    """
    text = str(value).strip() if not isinstance(value, bool) else str(value).lower()
    refusal = ValueError(f"{value!r} is not a valid {sql_type}")
    try:
        if sql_type.is_text:
            if len(text.encode()) > (sql_type.length or 0):
                raise refusal
            return str(value)
        if sql_type.name == "boolean":
            return {"true": True, "false": False}[text]
        if sql_type.is_temporal:
            return _moment(text, is_date=sql_type.name == "date")
        number = Decimal(text)
    except (InvalidOperation, KeyError, ValueError) as exc:
        raise refusal from exc
    if not number.is_finite():
        raise refusal
    if sql_type.is_integer:
        limit = 2 ** (INTEGER_BITS[sql_type.name] - 1)
        if number != number.to_integral_value() or not -limit <= number < limit:
            raise refusal
    if sql_type.precision is not None and not _fits(number, sql_type.precision, sql_type.scale or 0):
        raise refusal
    return number


def _moment(text: str, *, is_date: bool) -> datetime:
    """A date or time in UTC. Python reads more forms of ISO 8601 than Spark does; only the common one is taken."""
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}($|[T ])", text):
        raise ValueError("not in the form of 2026-11-20 or 2026-11-20T13:00:00")
    moment = datetime.fromisoformat(text)
    if is_date and moment != datetime(moment.year, moment.month, moment.day):  # noqa: DTZ001 - a date has no zone
        raise ValueError("a date has no time")
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _fits(number: Decimal, precision: int, scale: int) -> bool:
    shifted = number.scaleb(scale, _WIDE)
    return shifted == shifted.to_integral_value() and shifted.copy_abs() < 10**precision

"""Values of the Redshift Data API as Python has them.

Whole numbers and floats come as numbers, decimals, dates and timestamps as text.
Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result.

    Attributes:
        name: Its name.
        type: Redshift's short name of its type, such as ``int4`` or ``numeric``.
    """

    name: str
    type: str

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> "ResultColumn":
        """Read one entry of ``ColumnMetadata``."""
        return cls(str(metadata.get("label") or metadata.get("name") or ""), str(metadata.get("typeName", "")).lower())


@dataclass(frozen=True)
class ResultSet:
    """A result: its columns, and its rows with one value per column.

    Values are None, bool, int, float, Decimal, date, time, datetime, bytes or str.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "numeric": Decimal,
    "decimal": Decimal,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamptz": datetime.fromisoformat,
}


def read_records(
    columns: Sequence[ResultColumn], records: Iterable[Sequence[Mapping[str, Any]]]
) -> list[tuple[Any, ...]]:
    """The rows of one page of a result.

    Args:
        columns: The columns of the result.
        records: ``Records`` of the page.
    """
    return [tuple(_value(column, field) for column, field in zip(columns, row, strict=True)) for row in records]


def _value(column: ResultColumn, field: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a value of any SQL type
    if field.get("isNull"):
        return None
    ((kind, value),) = ((kind, value) for kind, value in field.items() if kind != "isNull")
    parse = _FROM_TEXT.get(column.type)
    if kind != "stringValue" or parse is None:
        return value
    try:
        return parse(value)
    except ValueError:
        # Such as "infinity" or a year before 1, which Python's types do not have.
        return value

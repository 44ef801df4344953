"""What source systems of histories send, and what must stand in the tables for it."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sluice.contract.files import read_contracts
from sluice.contract.model import Column, Contract
from sluice.lake.layout import Partition

FIRST_CONTRACTS = read_contracts(Path(__file__).parent / "contracts")
NOTE = "note"
"""The column that a contract has from its second version on."""
JUNK = b"junk\n"
_FIRST_DAY = date(2026, 11, 18)
_DAYS = 3


def contracts(version: int) -> dict[str, Contract]:
    """The contracts of a version: the second one has a column more in the first table of each dataset."""
    if version == 1:
        return dict(FIRST_CONTRACTS)
    note = Column(NOTE, "varchar(40)", may_be_absent=True)
    return {
        name: replace(
            contract,
            tables=(replace(contract.tables[0], columns=(*contract.tables[0].columns, note)), *contract.tables[1:]),
        )
        for name, contract in FIRST_CONTRACTS.items()
    }


@dataclass(frozen=True, order=True)
class Row:
    """One version of something.

    Attributes:
        key: What it is a version of, from 0.
        version: The larger one is newer.
    """

    key: int
    version: int

    @property
    def updated_at(self) -> datetime:
        """When this version came to be."""
        return datetime(2026, 11, 1) + timedelta(minutes=self.version)  # noqa: DTZ001 - tables have no time zones

    @property
    def day(self) -> date:
        """The day of business, which moves with the versions."""
        return _FIRST_DAY + timedelta(days=(self.key + self.version) % _DAYS)


Rows = Sequence[Row]
Plain = dict[str, Any]


def newest(rows: Iterable[Row]) -> list[Row]:
    """The newest version of each key."""
    return list({row.key: row for row in sorted(rows)}.values())


def partition(dataset: str, number: int) -> Partition:
    """One of the partitions of a dataset that histories are about: hours of one day, or days."""
    if FIRST_CONTRACTS[dataset].layout.is_hourly:
        return Partition(datetime(2026, 11, 20, 10 + number, tzinfo=UTC))
    return Partition(datetime(2026, 11, 18 + number, tzinfo=UTC), is_hourly=False)


def body(dataset: str, rows: Rows, serial: int, junk: int = 0, padding: int = 0) -> bytes:
    """A file of a dataset.

    Args:
        dataset: The dataset.
        rows: What is in it.
        serial: Goes into values, so that no two deliveries have the same.
        junk: Number of lines that are no records.
        padding: Length of a field in each record that no contract knows.
    """
    found = [_RECORDS[dataset](row, serial) | {"padding": "x" * padding} for row in rows]
    lines = [json.dumps(one) for one in found] if dataset == "orders" else _csv(found)
    return ("".join(f"{line}\n" for line in lines)).encode() + JUNK * junk


def _csv(records: Sequence[Plain]) -> list[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, records[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().splitlines()


def _note(row: Row, serial: int) -> str:
    return f"n{row.key}.{row.version}.{serial}"


def _order(row: Row, serial: int) -> Plain:
    plain = _orders(row, serial)[0]
    items = [{"line_number": line, "quantity": serial + line} for line in (1, 2)[: 1 + row.key % 2]]
    return {name: _text(value) for name, value in plain.items()} | {"items": items, NOTE: _note(row, serial)}


def _text(value: object) -> object:
    return value if isinstance(value, int) else str(value)


def _flat(rows: Callable[[Row, int], list[Plain]]) -> Callable[[Row, int], Plain]:
    def record(row: Row, serial: int) -> Plain:
        return {name: _text(value) for name, value in rows(row, serial)[0].items()} | {NOTE: _note(row, serial)}

    return record


def _orders(row: Row, serial: int) -> list[Plain]:
    return [
        {
            "order_id": f"O{row.key}",
            "customer_id": f"C{row.key % 2}",
            "order_date": row.day,
            "total_amount": Decimal(serial).quantize(Decimal("0.01")),
            "order_status": "placed",
            "updated_at": row.updated_at,
        }
    ]


def _items(row: Row, serial: int) -> list[Plain]:
    return [
        {
            "order_id": f"O{row.key}",
            "line_number": line,
            "quantity": serial + line,
            "order_date": row.day,
            "updated_at": row.updated_at,
        }
        for line in (1, 2)[: 1 + row.key % 2]
    ]


def _customers(row: Row, serial: int) -> list[Plain]:
    return [{"customer_id": f"C{row.key}", "customer_segment": f"s{serial}", "updated_at": row.updated_at}]


def _events(row: Row, serial: int) -> list[Plain]:
    return [{"event_id": f"E{row.key}", "amount": serial, "updated_at": row.updated_at}]


def _stock(row: Row, serial: int) -> list[Plain]:
    return [{"sku": f"S{row.key}", "amount": serial, "updated_at": row.updated_at}]


_RECORDS: Mapping[str, Callable[[Row, int], Plain]] = {
    "orders": _order,
    "customers": _flat(_customers),
    "events": _flat(_events),
    "stock": _flat(_stock),
}
_TABLES: Mapping[str, Callable[[Row, int], list[Plain]]] = {
    "orders": _orders,
    "order_items": _items,
    "customers": _customers,
    "events": _events,
    "stock": _stock,
}


def table_rows(table: str, row: Row, serial: int) -> list[Plain]:
    """The rows of a table that come of one record, without `NOTE` and lineage."""
    return _TABLES[table](row, serial)


def note_of(row: Row, serial: int) -> str:
    """What `NOTE` holds where a contract has it."""
    return _note(row, serial)

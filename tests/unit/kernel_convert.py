"""Files through the kernel in memory, for tests that look at values and reasons."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from sluice.contract import Contract, parse_contract
from sluice.kernel.convert import Kernel, Lanes, RawFile

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


@dataclass
class Converted:
    """What became of one file.

    Attributes:
        rows: Good rows by table, without lineage.
        reasons: Reasons of each refused record or file.
        texts: What the quarantine keeps of each.
        absent: Columns that nothing in the file fills.
        records: Records, read and refused.
    """

    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    reasons: list[list[str]] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    absent: frozenset[str] = frozenset()
    records: tuple[int, int] = (0, 0)


def convert(contract: Contract, content: bytes | str, *, lanes: Lanes | None = None) -> Converted:
    """Convert one file; without a choice of lanes with each, which must agree."""
    if lanes is None:
        found = convert(contract, content, lanes=Lanes.ROW)
        assert _sorted(convert(contract, content, lanes=Lanes.BOTH)) == _sorted(found)
        return found
    body = content if isinstance(content, bytes) else content.encode()
    found = Converted({table.name: [] for table in contract.tables})
    raw = RawFile("s3://raw/f", "b", len(body), lambda: cast("BinaryIO", io.BytesIO(body)))
    for chunk in Kernel(contract, NOW, lanes=lanes).read(raw):
        if chunk.voids_the_file:
            found = Converted({table.name: [] for table in contract.tables})
        for name, table in chunk.tables.items():
            found.rows[name] += [_plain(row) for row in table.to_pylist()]
        for row in chunk.quarantine.to_pylist():
            found.reasons.append(row["reasons"])
            found.texts.append(row["raw_text"])
        found.absent |= chunk.tally.absent
        records, rejected = found.records
        found.records = (records + chunk.tally.records, rejected + chunk.tally.rejected)
    return found


def _sorted(found: Converted) -> tuple[object, ...]:
    """What became of a file, without the order of its records, which lanes may change."""
    rows = {name: sorted(map(repr, table)) for name, table in found.rows.items()}
    refused = sorted(map(repr, zip(found.reasons, found.texts, strict=True)))
    return rows, refused, found.absent, found.records


def _plain(row: Mapping[str, Any]) -> tuple[Any, ...]:
    values = [value for name, value in row.items() if name not in ("_batch_id", "_source_file")]
    # Moments are in UTC; without the zone they are easier to read in tests.
    return tuple([value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in values])


def contract(source: Mapping[str, Any], columns: Mapping[str, Any], **fields: Any) -> Contract:
    """A contract of one table ``t`` that appends.

    Args:
        source: The source, without its layout.
        columns: Type of each column by name, or all its fields but the name.
        fields: Other fields: of the table where it has them, or else of the contract.
    """
    made = [_fields(name, kind) for name, kind in columns.items()]
    table: dict[str, Any] = {"name": "t", "load": "append", "columns": made}
    top: dict[str, Any] = {
        name: fields.pop(name) for name in ("allow_empty", "null_values", "timezone") if name in fields
    }
    plain: dict[str, Any] = {"dataset": "t", "max_rejected_ratio": 1, "source": {"layout": "t/%Y/%m/%d", **source}}
    return parse_contract({**plain, **top, "tables": [{**table, **fields}]}, "t.yaml")


def _fields(name: str, kind: str | Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": kind} if isinstance(kind, str) else dict(kind)
    return {**fields, "name": name}

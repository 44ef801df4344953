"""A survey's bounds and its way through broken, packed, huge and vanishing files, with doors that fail on demand."""

import bz2
import gzip
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.contract import Column, Contract, CsvSource, JsonSource, ParquetSource, Table, XmlSource
from sluice.drift import Difference, Kind, Layer
from sluice.drift.ports import CatalogTable
from sluice.drift.published import PublishedFooters, one_of_each_run
from sluice.drift.redshift import RedshiftSurvey
from sluice.drift.sampling import MAX_UNPACKED_BYTES
from sluice.drift.survey import HEAD_BYTES, MAX_PARTITIONS, Survey
from sluice.errors import AwsBusyError, InputChangedError, MissingObjectError, SluiceError
from sluice.lake.catalog_tables import raw_table
from sluice.lake.layout import PARTITION_KEYS, Partition
from sluice.lake.stored import ListedFile
from sluice.settings import Settings

HOUR = Partition.parse("2026-11-20T13")
FOLDER = "s3://sluice-raw/things/2026/11/20/13/"
N, B = Kind.NOTE, Kind.BREAKING


@dataclass
class MemoryFiles:
    """Files by URL; those that are named so are gone or changed when they are read."""

    content: dict[str, bytes] = field(default_factory=dict)
    broken: dict[str, SluiceError] = field(default_factory=dict)
    reads: list[tuple[str, str, int]] = field(default_factory=list)

    def listed(self, folder: str, limit: int) -> tuple[ListedFile, ...]:
        urls = sorted(url for url in self.content if url.startswith(folder))[:limit]
        return tuple(ListedFile(url, len(self.content[url]), "etag") for url in urls)

    def head(self, file: ListedFile, size_bytes: int) -> bytes:
        return self._read("head", file, size_bytes)[:size_bytes]

    def tail(self, file: ListedFile, size_bytes: int) -> bytes:
        return self._read("tail", file, size_bytes)[-size_bytes:]

    def _read(self, what: str, file: ListedFile, size_bytes: int) -> bytes:
        self.reads.append((what, file.url, size_bytes))
        if file.url in self.broken:
            raise self.broken[file.url]
        return self.content[file.url]


@dataclass
class MemoryCatalog:
    """A table of any name without columns, and partitions."""

    partitions: dict[Partition, str] = field(default_factory=dict)
    asked: list[tuple[str, str, int, str]] = field(default_factory=list)

    def table(self, *_asked: object) -> CatalogTable | None:
        return None

    def change_columns(self, *asked: object) -> None:
        raise AssertionError(asked)

    def newest(self, database: str, name: str, count: int, since: Partition) -> dict[Partition, str]:
        self.asked.append((database, name, count, since.label))
        return dict(list(self.partitions.items())[:count])


class NoWarehouse:
    """Nothing is there."""

    def rows(self, *_asked: object, **_options: object) -> list[tuple[Any, ...]]:
        return []

    def execute(self, *asked: object, **_options: object) -> object:
        raise AssertionError(asked)

    def transaction(self, *asked: object, **_options: object) -> None:
        raise AssertionError(asked)


COLUMNS = (Column("id", "integer", required=True), Column("name", "varchar(20)"))


def contract(source: Any) -> Contract:
    return Contract("things", source, (Table("things", COLUMNS, primary_key=("id",)),))


LAYOUT = "things/%Y/%m/%d/%H"
NO_TABLE = Difference(
    Layer.CATALOG, "things", "", "", "a table", B, "deploy: tables of the catalog are made from the contracts"
)


def source(column: str, have: str, want: str, kind: Kind, fix: str) -> Difference:
    return Difference(Layer.SOURCE, "things", column, have, want, kind, fix)


def extra(kind: str = "date") -> Difference:
    return source("extra", kind, "", N, "ignored until the contract has it")


def unreadable(message: str) -> Difference:
    return source("", "a file that cannot be read", "", B, message)


def raw(made: Contract, files: Mapping[str, bytes], **broken: SluiceError) -> tuple[list[Difference], MemoryFiles]:
    memory = MemoryFiles(
        {f"{FOLDER}{name}": body for name, body in files.items()},
        {f"{FOLDER}{name}": error for name, error in broken.items()},
    )
    settings = Settings()
    survey = Survey(
        MemoryCatalog({HOUR: FOLDER}),
        memory,
        RedshiftSurvey(NoWarehouse(), settings),
        settings,
        lambda: datetime(2026, 11, 20, 14, 30, tzinfo=UTC),
    )
    first, *found = survey.raw(made, apply=True)
    assert first == NO_TABLE
    return found, memory


ROWS = [{"id": number, "name": f"n{number}", "extra": "2026-11-20"} for number in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
ARRAY = json.dumps(ROWS).encode()
CSV = b"id,name,extra\r\n" + b"".join(f"{row['id']},{row['name']},{row['extra']}\r\n".encode() for row in ROWS)
XML = "".join(f"<r><id>{row['id']}</id><name>{row['name']}</name><extra>{row['extra']}</extra></r>" for row in ROWS)


@pytest.mark.parametrize(
    ("made", "body"),
    [
        (JsonSource(LAYOUT), LINES),
        (JsonSource(LAYOUT), LINES + b'{"id": 7, "broken'),
        (JsonSource(LAYOUT, compression="gzip"), gzip.compress(LINES, mtime=0)),
        (JsonSource(LAYOUT, compression="bzip2"), bz2.compress(LINES)),
        (JsonSource(LAYOUT, records="array"), ARRAY),
        (CsvSource(LAYOUT), CSV),
        (CsvSource(LAYOUT, encoding="UTF-16"), CSV.decode().encode("utf-16")),
        (CsvSource(LAYOUT, encoding="windows-1252"), CSV.replace(b"n1", "ñ".encode("cp1252"))),
        (XmlSource(LAYOUT, "r"), f"<all>{XML}</all>".encode()),
        (XmlSource(LAYOUT, "r"), f"<all>{XML}<r><id>".encode()),
        (XmlSource(LAYOUT, "r", compression="gzip"), gzip.compress(f"<all>{XML}</all>".encode(), mtime=0)),
    ],
)
def test_a_field_is_found_in_every_format_and_packing(made: Any, body: bytes) -> None:
    assert raw(contract(made), {"a": body})[0] == [extra()]


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_fields_of_raw_parquet_are_those_of_the_footer() -> None:
    groups = {"id": pa.array([1], pa.int32()), "extra": pa.array([None], pa.date32()), "ship": [{"name": "x"}]}
    columns = (COLUMNS[0], Column("name", "varchar(20)", source="ship.name"), Column("gone", "date"))
    made = Contract("things", ParquetSource(LAYOUT), (Table("things", columns),))
    gone = (
        "is not in the newest file: files without it are refused, because of things.gone; "
        "ask the source, or change the contract"
    )
    assert raw(made, {"a": parquet(**groups)})[0] == [extra(), source("gone", "", "date", B, gone)]


def test_only_the_first_bytes_of_few_files_are_read_and_no_manifest() -> None:
    lines = LINES * 20_000
    assert len(lines) > HEAD_BYTES
    names = ["a", "b", "c", "d", "e"]
    found, memory = raw(contract(JsonSource(LAYOUT)), {**dict.fromkeys(names, lines), "manifest.json": b"{}"})
    assert found == [extra()]
    assert memory.reads == [("head", f"{FOLDER}{name}", HEAD_BYTES) for name in names[:3]]


def test_a_bomb_is_unpacked_to_its_bound() -> None:
    bomb = gzip.compress(LINES + b"\n" * (MAX_UNPACKED_BYTES * 3))
    assert raw(contract(JsonSource(LAYOUT, compression="gzip")), {"a": bomb})[0] == [extra()]


@pytest.mark.parametrize(
    ("made", "body", "message"),
    [
        (JsonSource(LAYOUT, compression="gzip"), LINES, f"{FOLDER}a: is not a valid gzip file"),
        (JsonSource(LAYOUT, compression="bzip2"), LINES, f"{FOLDER}a: is not a valid bzip2 file"),
        (XmlSource(LAYOUT, "r"), b"id,name\n", f"{FOLDER}a: is not well-formed XML"),
        (
            XmlSource(LAYOUT, "r"),
            b'<!DOCTYPE r [<!ENTITY a "aaaa">]><r>&a;</r>',
            f"{FOLDER}a: has a document type or entities, which are refused",
        ),
        (CsvSource(LAYOUT), b"id,id\n1,2\n", None),
        (ParquetSource(LAYOUT), LINES, f"{FOLDER}a: is not Parquet file: it does not end with PAR1"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_and_stops_nothing(made: Any, body: bytes, message: str | None) -> None:
    found, _ = raw(contract(made), {"a": body})
    if message is None:
        (only,) = found
        assert only.fix.startswith(f"{FOLDER}a: its header names column 'id' twice")
    else:
        assert found == [unreadable(message)]


@pytest.mark.parametrize("error", [MissingObjectError("gone"), InputChangedError("changed")])
def test_files_that_are_being_replaced_are_left_for_the_next_crawl(error: SluiceError) -> None:
    assert raw(contract(JsonSource(LAYOUT)), {"a": LINES}, a=error)[0] == []


def test_a_service_that_is_out_of_order_is_an_error() -> None:
    with pytest.raises(AwsBusyError):
        raw(contract(JsonSource(LAYOUT)), {"a": LINES}, a=AwsBusyError("throttled"))


def test_an_empty_folder_says_nothing() -> None:
    assert raw(contract(JsonSource(LAYOUT)), {"manifest.json": b"{}"})[0] == []


def test_one_file_of_each_run_is_looked_at() -> None:
    names = ["jr_1-a-0", "jr_1-a-1", "jr_1-a-10", "jr_2-a-0", "stray", "other"]
    listed = [ListedFile(f"s3://b/t/{name}.parquet", 1, "e") for name in names]
    assert [file.url.rpartition("/")[2] for file in one_of_each_run(listed)] == [
        "jr_1-a-0.parquet", "jr_2-a-0.parquet", "stray.parquet", "other.parquet",
    ]  # fmt: skip


def test_a_long_footer_is_read_in_two_steps() -> None:
    wide = parquet(**{f"a_column_with_quite_a_long_name_{number}": [1] for number in range(700)})
    short = parquet(id=[1])
    files = MemoryFiles({"s3://b/t/r1-0.parquet": wide, "s3://b/t/r2-0.parquet": short})
    found = PublishedFooters.read_all(files, {HOUR: "s3://b/t/"})
    assert [len(footer.columns) for footer in found.read[HOUR]] == [700, 1]
    assert [(what, url[-12:]) for what, url, _ in files.reads] == [
        ("tail", "r1-0.parquet"), ("tail", "r1-0.parquet"), ("tail", "r2-0.parquet"),
    ]  # fmt: skip
    assert files.reads[0][2] < files.reads[1][2] < len(wide)


def test_files_that_vanish_are_passed_by_and_broken_ones_are_named() -> None:
    files = MemoryFiles(
        {f"s3://b/t/{name}-0.parquet": parquet(id=[1]) for name in ("gone", "changed", "good")}
        | {"s3://b/t/bad-0.parquet": b"text"},
        {
            "s3://b/t/gone-0.parquet": MissingObjectError("gone"),
            "s3://b/t/changed-0.parquet": InputChangedError("changed"),
        },
    )
    found = PublishedFooters.read_all(files, {HOUR: "s3://b/t/"})
    assert [len(footer.columns) for footer in found.read[HOUR]] == [1]
    assert found.errors == ["s3://b/t/bad-0.parquet: is not Parquet file: it does not end with PAR1"]


def test_without_anything_every_layer_says_so() -> None:
    settings = Settings()
    catalog = MemoryCatalog()
    survey = Survey(
        catalog, MemoryFiles(), RedshiftSurvey(NoWarehouse(), settings), settings,
        lambda: datetime(2026, 11, 20, 14, 30, tzinfo=UTC),
    )  # fmt: skip
    found = survey.processed(contract(JsonSource(LAYOUT)), apply=False)
    assert [(item.layer, item.table, item.want, item.kind) for item in found] == [
        (Layer.CATALOG, "things", "a table", B),
        (Layer.CATALOG, "things_quarantine", "a table", B),
        (Layer.SPECTRUM, "spectrum", "external schema over sluice_processed", B),
    ]
    assert catalog.asked == [("sluice_processed", "things", MAX_PARTITIONS, "2026-10-20T14")]


def test_a_column_of_the_catalog_without_a_type_is_told() -> None:
    class Untyped(MemoryCatalog):
        def table(self, *_asked: object) -> CatalogTable | None:
            return CatalogTable(({"Name": "stray"},), ())

    redshift = RedshiftSurvey(NoWarehouse(), Settings())
    survey = Survey(Untyped(), MemoryFiles(), redshift, Settings(), lambda: datetime(2026, 11, 20, tzinfo=UTC))
    found = survey.raw(contract(CsvSource(layout=LAYOUT)), apply=False)
    assert [(item.have, item.kind) for item in found if item.column == "stray"] == [("", N)]


def test_a_column_of_the_catalog_in_capitals_is_the_contracts() -> None:
    wanted = raw_table(contract(CsvSource(layout=LAYOUT)), Settings().raw_bucket)["StorageDescriptor"]["Columns"]

    class Capitals(MemoryCatalog):
        def table(self, *_asked: object) -> CatalogTable | None:
            columns = tuple({**column, "Name": column["Name"].upper()} for column in wanted)
            keys = tuple({"Name": name.upper(), "Type": "string"} for name in PARTITION_KEYS)
            return CatalogTable(columns, keys)

    redshift = RedshiftSurvey(NoWarehouse(), Settings())
    survey = Survey(Capitals(), MemoryFiles(), redshift, Settings(), lambda: datetime(2026, 11, 20, tzinfo=UTC))
    found = survey.raw(contract(CsvSource(layout=LAYOUT)), apply=False)
    assert [item for item in found if item.layer is Layer.CATALOG] == []

"""Files as the kernel writes them: what their footers say is what the contract says, for every type of a contract."""

import pyarrow as pa
import pytest

from sluice.contract import BATCH_ID, SOURCE_FILE, Column, SqlType, Table
from sluice.drift.files import fits
from sluice.kernel.arrow import stored_schema
from sluice.kernel.write import TableWriter
from sluice.parquet import FileColumn, Footer, read_footer

TYPES = (
    "smallint", "integer", "bigint", "real", "double precision", "boolean", "char(3)", "varchar(20)", "date",
    "timestamp", "decimal(1,0)", "decimal(9,2)", "decimal(18,4)", "decimal(19,0)", "decimal(38,38)",
)  # fmt: skip
KINDS = {f"c{number}": SqlType.parse(text) for number, text in enumerate(TYPES)}


@pytest.fixture(scope="module")
def footer(tmp_path_factory: pytest.TempPathFactory) -> Footer:
    """The footer of a file with a column of each type."""
    folder = tmp_path_factory.mktemp("parquet")
    table = Table("t", tuple(Column(name, str(kind)) for name, kind in KINDS.items()), load="append")
    writer = TableWriter(table, lambda name: (folder / name).open("wb"), scratch=folder / "scratch")
    lineage = {BATCH_ID: ["b"] * 3, SOURCE_FILE: ["s3://raw/f"] * 3}
    rows = {field.name: pa.array(lineage.get(field.name, [None] * 3), field.type) for field in stored_schema(table)}
    writer.add(pa.table(rows, stored_schema(table)))
    [written] = writer.finish().files
    content = (folder / written.name).read_bytes()
    return read_footer(content, len(content), written.name)


def test_every_type_is_the_contracts(footer: Footer) -> None:
    assert [column.name for column in footer.columns] == [*KINDS, BATCH_ID, SOURCE_FILE]
    assert {column.name: column.type for column in _own(footer) if not fits(column, KINDS[column.name])} == {}


def test_no_type_is_taken_for_another(footer: Footer) -> None:
    texts = {name for name, kind in KINDS.items() if kind.is_text}
    for column in _own(footer):
        fitting = {name for name, kind in KINDS.items() if fits(column, kind)}
        assert fitting == (texts if column.name in texts else {column.name})


def _own(footer: Footer) -> list[FileColumn]:
    return [column for column in footer.columns if column.name in KINDS]


def test_rows_and_writer(footer: Footer) -> None:
    assert footer.rows == 3
    assert footer.writer.startswith("parquet-cpp-arrow version ")

"""Files as Spark writes them: what their footers say is what the contract says, for every type of a contract."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from sluice.contract import SqlType
from sluice.drift.files import fits
from sluice.parquet import Footer, read_footer

TYPES = (
    "smallint", "integer", "bigint", "real", "double precision", "boolean", "char(3)", "varchar(20)", "date",
    "timestamp", "decimal(1,0)", "decimal(9,2)", "decimal(18,4)", "decimal(19,0)", "decimal(38,38)",
)  # fmt: skip
KINDS = {f"c{number}": SqlType.parse(text) for number, text in enumerate(TYPES)}


@pytest.fixture(scope="module")
def footer(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Footer:
    """The footer of a file with a column of each type."""
    folder = tmp_path_factory.mktemp("parquet")
    schema = ", ".join(f"{name} {kind.spark}" for name, kind in KINDS.items())
    spark.createDataFrame([(None,) * len(KINDS)] * 3, schema).coalesce(1).write.mode("overwrite").parquet(str(folder))
    (file,) = Path(folder).glob("*.parquet")
    content = file.read_bytes()
    return read_footer(content, len(content), str(file))


def test_every_type_is_the_contracts(footer: Footer) -> None:
    assert [column.name for column in footer.columns] == list(KINDS)
    assert {column.name: column.type for column in footer.columns if not fits(column, KINDS[column.name])} == {}


def test_no_type_is_taken_for_another(footer: Footer) -> None:
    texts = {name for name, kind in KINDS.items() if kind.is_text}
    for column in footer.columns:
        fitting = {name for name, kind in KINDS.items() if fits(column, kind)}
        assert fitting == (texts if column.name in texts else {column.name})


def test_rows_and_writer(footer: Footer) -> None:
    assert footer.rows == 3
    assert footer.writer.startswith("parquet-mr version ")

"""The queries that Terraform saves in Athena's workgroup run on the tables of the contracts."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from localcloud_tests.aws.cloud import Aws
from localcloud_tests.aws.queries import Queries
from sluice.contract import Contract
from sluice.contract.files import read_contracts
from sluice.lake.catalog_tables import processed_table, quarantine_table
from sluice.lake.layout import PARTITION_KEYS, Partition, ProcessedLayout

ROOT = Path(__file__).parents[2]
CONTRACTS = list(read_contracts(ROOT / "contracts").values())
NOW = Partition(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
OLD = Partition(NOW.start - timedelta(days=30))


def saved_queries() -> dict[str, str]:
    """The templates of the saved queries, by the name of their resource."""
    text = (ROOT / "terraform" / "athena.tf").read_text(encoding="utf-8")
    # The analysis queries have no template: they are rendered by sluice/analysis.
    block = r'resource "aws_athena_named_query" "(\w+)" \{(?:(?!\nresource ).)*?<<-SQL\n(.*?)\n\s*SQL\n'
    return dict(re.findall(block, text, re.DOTALL))


def rendered(template: str, table: str) -> str:
    """A template for one table, as Terraform fills it."""
    keys = ", ".join(PARTITION_KEYS)
    text = template.replace("${each.key}", table)
    text = text.replace('${join(", ", each.value.table.PartitionKeys[*].Name)}', keys)
    assert "${" not in text
    return text


@pytest.fixture(scope="module")
def lake(aws: Aws) -> Queries:
    """Every table of the contracts: two published rows of this hour and one of an old one, and quarantined records."""
    queries = Queries(aws, aws.make_bucket("athena-saved"))
    queries.create_database()
    layout = ProcessedLayout(queries.bucket)
    glue = aws.client("glue")
    published = pa.table({"_batch_id": pa.array(["b1", "b1"])})
    reasons = pa.array([["no id", "no date"], ["no id"]], pa.list_(pa.string()))
    quarantined = pa.table({"reasons": reasons, "source_file": pa.array(["s3://b", "s3://a"])})
    for contract in CONTRACTS:
        tables = [(processed_table(contract, table, layout), published) for table in contract.tables]
        tables.append((quarantine_table(contract, layout), quarantined))
        for definition, content in tables:
            glue.create_table(DatabaseName=queries.bucket, TableInput=definition)
            for partition, rows in ((NOW, content), (OLD, content.slice(0, 1))):
                folder = layout.partition(definition["Name"], partition, "run").removeprefix(f"s3://{queries.bucket}/")
                queries.put(f"{folder}/a.parquet", rows)
                queries.add_partition(definition["Name"], partition.values, folder)
    return queries


TABLES = [table.name for contract in CONTRACTS for table in contract.tables]


def test_there_are_two_kinds() -> None:
    assert set(saved_queries()) == {"newest", "quarantine"}


@pytest.mark.parametrize("table", TABLES)
def test_rows_of_the_last_day(lake: Queries, table: str) -> None:
    assert lake.rows(rendered(saved_queries()["newest"], table)) == [(*NOW.values, "2", "1")]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.dataset)
def test_reasons_of_the_quarantine(lake: Queries, contract: Contract) -> None:
    table = contract.quarantine_table
    expected = [("no id", "2", "s3://a"), ("no date", "1", "s3://b")]
    assert lake.rows(rendered(saved_queries()["quarantine"], table)) == expected

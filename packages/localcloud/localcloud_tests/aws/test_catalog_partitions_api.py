"""Partition actions as Glue answers them, through the endpoint."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud_tests.aws.cloud import Aws

_numbers = itertools.count(1)
HOURS = [
    ["2026", month, day, f"{hour:02}"] for month in ("11", "12") for day in ("01", "20") for hour in range(0, 24, 6)
]


class Table:
    """A partitioned table of its own database."""

    def __init__(self, aws: Aws, keys: list[dict[str, str]]) -> None:
        self.glue = aws.client("glue")
        self.names = {"DatabaseName": f"db{next(_numbers)}", "TableName": "orders"}
        self.glue.create_database(DatabaseInput={"Name": self.names["DatabaseName"]})
        table = {"Name": "orders", "PartitionKeys": keys}
        self.glue.create_table(DatabaseName=self.names["DatabaseName"], TableInput=table)

    def add(self, *values: list[str]) -> list[Any]:
        inputs = [partition(v) for v in values]
        errors: list[Any] = self.glue.batch_create_partition(PartitionInputList=inputs, **self.names)["Errors"]
        return errors

    def values(self, **request: Any) -> list[list[str]]:
        pages = self.glue.get_paginator("get_partitions").paginate(**self.names, **request)
        return [found["Values"] for page in pages for found in page["Partitions"]]


def partition(values: list[str]) -> dict[str, Any]:
    storage = {"Location": f"s3://raw/{'/'.join(values)}/", "Columns": [{"Name": "id", "Type": "int"}]}
    return {"Values": values, "StorageDescriptor": storage, "Parameters": {"rows": "1"}}


@pytest.fixture
def table(aws: Aws) -> Table:
    made = Table(aws, [{"Name": name, "Type": "string"} for name in ("year", "month", "day", "hour")])
    assert made.add(*HOURS) == []
    return made


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_an_expression_selects_on_the_server(table: Table) -> None:
    expression = "year='2026' and month='11' and (day='20' and hour='06' or day='01' and hour>='18')"
    assert table.values(Expression=expression) == [["2026", "11", "01", "18"], ["2026", "11", "20", "06"]]
    (found,) = table.glue.get_partitions(Expression="month='12' AND day='20' AND hour='00'", **table.names)[
        "Partitions"
    ]
    expected = partition(["2026", "12", "20", "00"])
    assert {name: found[name] for name in expected} == expected
    assert table.values() == HOURS
    assert table.values(Expression="year = '1999'") == []


def test_pages_go_on_where_they_ended_though_partitions_come_and_go(table: Table) -> None:
    first = table.glue.get_partitions(MaxResults=5, **table.names)
    assert [found["Values"] for found in first["Partitions"]] == HOURS[:5]
    table.glue.delete_partition(PartitionValues=HOURS[0], **table.names)
    table.add(["2026", "11", "01", "01"], ["2027", "01", "01", "00"])
    rest = table.glue.get_partitions(NextToken=first["NextToken"], **table.names)
    assert [found["Values"] for found in rest["Partitions"]] == [*HOURS[5:], ["2027", "01", "01", "00"]]
    assert "NextToken" not in rest
    assert table.values(PaginationConfig={"PageSize": 3}) == sorted(
        [*HOURS[1:], *([["2026", "11", "01", "01"]]), ["2027", "01", "01", "00"]]
    )


def test_segments_split_a_table(table: Table) -> None:
    parts = [table.values(Segment={"SegmentNumber": n, "TotalSegments": 3}) for n in range(3)]
    assert sorted(itertools.chain(*parts)) == HOURS
    assert max(map(len, parts)) < len(HOURS)


def test_columns_are_left_out_when_asked(table: Table) -> None:
    answer = table.glue.get_partitions(ExcludeColumnSchema=True, MaxResults=1, **table.names)["Partitions"]
    assert [found["StorageDescriptor"] for found in answer] == [{"Location": "s3://raw/2026/11/01/00/"}]


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({"Expression": "x" * 2049}, "InvalidInputException", "Expression has 2049 characters; the limit is 2048"),
        (
            {"Expression": "region = 'eu'"},
            "InvalidInputException",
            "Expression names region, which is not a partition key (keys: year, month, day, hour)",
        ),
        (
            {"Segment": {"SegmentNumber": 3, "TotalSegments": 3}},
            "InvalidInputException",
            "Segment {'SegmentNumber': 3, 'TotalSegments': 3} is not one of 1 to 10 segments",
        ),
        ({"NextToken": "?"}, "InvalidInputException", "NextToken is none that this API gave"),
        ({"TableName": "none"}, "EntityNotFoundException", "Table none not found in {DatabaseName}"),
    ],
)
def test_a_bad_request_is_refused(table: Table, request_: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(ClientError) as refused:
        table.glue.get_partitions(**(table.names | request_))
    assert refusal(refused) == (code, message.replace("{DatabaseName}", table.names["DatabaseName"]))


def test_a_batch_reports_each_partition_that_exists(table: Table) -> None:
    new = ["2028", "01", "01", "00"]
    errors = table.add(HOURS[0], new, new)
    assert [(error["PartitionValues"], error["ErrorDetail"]["ErrorCode"]) for error in errors] == [
        (HOURS[0], "AlreadyExistsException"),
        (new, "AlreadyExistsException"),
    ]
    assert table.values() == [*HOURS, new]


def test_limits_and_shapes_of_writes(table: Table) -> None:
    glue, names = table.glue, table.names
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: table.add(*([str(n), "x", "x", "x"] for n in range(101))), "InvalidInputException"),
        (lambda: table.add(["2026", "11"]), "InvalidInputException"),
        (lambda: glue.create_partition(PartitionInput=partition(["2026"]), **names), "InvalidInputException"),
        (lambda: glue.create_partition(PartitionInput=partition(HOURS[0]), **names), "AlreadyExistsException"),
        (
            lambda: glue.create_partition(
                PartitionInput=partition(["1"]), DatabaseName=names["DatabaseName"], TableName="none"
            ),
            "EntityNotFoundException",
        ),
        (lambda: glue.delete_partition(PartitionValues=["1", "2", "3", "4"], **names), "EntityNotFoundException"),
        (
            lambda: glue.update_partition(
                PartitionValueList=["1", "2", "3", "4"], PartitionInput=partition(["1", "2", "3", "4"]), **names
            ),
            "EntityNotFoundException",
        ),
    ]
    for call, code in calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert refusal(refused)[0] == code
    assert table.values() == HOURS, "a refused write changes nothing"


def test_a_partition_can_be_updated_and_deleted(table: Table) -> None:
    moved = partition(HOURS[0]) | {"Parameters": {"rows": "2"}}
    table.glue.update_partition(PartitionValueList=HOURS[0], PartitionInput=moved, **table.names)
    found = table.glue.get_partition(PartitionValues=HOURS[0], **table.names)["Partition"]
    assert found["Parameters"] == {"rows": "2"}
    gone = [{"Values": HOURS[0]}, {"Values": ["1", "2", "3", "4"]}]
    errors = table.glue.batch_delete_partition(PartitionsToDelete=gone, **table.names)["Errors"]
    assert [(e["PartitionValues"], e["ErrorDetail"]["ErrorCode"]) for e in errors] == [
        (["1", "2", "3", "4"], "EntityNotFoundException")
    ]
    assert table.values() == HOURS[1:]

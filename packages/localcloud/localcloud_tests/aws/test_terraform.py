"""What Terraform reads back after it has made something: nothing of it may be lost."""

import itertools
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import botocore.parsers
import botocore.serialize
import pytest
from botocore.exceptions import ClientError

from localcloud.child import LocalCloudProcess
from localcloud.query import operation
from localcloud_tests.aws.cloud import Aws
from localcloud_tests.aws.conftest import cloud_config
from localcloud_tests.aws.machines import ROLE

_numbers = itertools.count(1)
_SERIALIZER = botocore.serialize.create_serializer("query")
_PARSER = botocore.parsers.create_parser("query")


def query(aws: Aws, name: str, **request: Any) -> dict[str, Any]:
    """Call CloudWatch in the query protocol, as Terraform's provider does and boto3 no longer."""
    model = operation("cloudwatch", name)
    made = _SERIALIZER.serialize_to_request(request, model)
    scope = "Credential=test/20260101/eu-central-1/monitoring/aws4_request"
    headers = {**made["headers"], "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none"}
    form = "&".join(f"{key}={value}" for key, value in _encoded(made["body"]))
    with urlopen(Request(aws.endpoint_url, form.encode(), headers)) as answer:
        parts = {"body": answer.read(), "status_code": answer.status, "headers": dict(answer.headers)}
    if model.output_shape is None:
        return {}
    parsed: dict[str, Any] = _PARSER.parse(parts, model.output_shape)
    del parsed["ResponseMetadata"]
    return parsed


def _encoded(form: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in form.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield key, quote(text, safe="")


# Alarms

SINGLE: dict[str, Any] = {
    "AlarmName": "single",
    "AlarmDescription": "More than 5 % & <less> than 10 %",
    "ActionsEnabled": True,
    "OKActions": ["arn:aws:sns:eu-central-1:000000000000:ok"],
    "AlarmActions": ["arn:aws:sns:eu-central-1:000000000000:one", "arn:aws:sns:eu-central-1:000000000000:two"],
    "InsufficientDataActions": ["arn:aws:sns:eu-central-1:000000000000:three"],
    "MetricName": "ProcessingErrors",
    "Namespace": "Sluice",
    "Statistic": "Sum",
    "Dimensions": [{"Name": "dataset", "Value": "orders"}],
    "Period": 300,
    "EvaluationPeriods": 2,
    "DatapointsToAlarm": 1,
    "Threshold": 0.5,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
EXPRESSION: dict[str, Any] = {
    "AlarmName": "expression",
    "AlarmDescription": "share",
    "ActionsEnabled": False,
    "OKActions": [],
    "AlarmActions": [],
    "InsufficientDataActions": [],
    "EvaluationPeriods": 1,
    "Threshold": 0.2,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "breaching",
    "Metrics": [
        {"Id": "share", "Expression": "bad / all", "Label": "Share", "ReturnData": True},
        {
            "Id": "bad",
            "MetricStat": {
                "Metric": {
                    "Namespace": "Sluice",
                    "MetricName": "RowsQuarantined",
                    "Dimensions": [{"Name": "dataset", "Value": "orders"}],
                },
                "Period": 3600,
                "Stat": "Sum",
            },
            "ReturnData": False,
        },
    ],
}


@pytest.mark.parametrize("alarm", [SINGLE, EXPRESSION], ids=["single", "expression"])
def test_an_alarm_is_shown_as_it_was_put(aws: Aws, alarm: dict[str, Any]) -> None:
    name = f"{alarm['AlarmName']}-{next(_numbers)}"
    query(aws, "PutMetricAlarm", **{**alarm, "AlarmName": name})
    [shown] = query(aws, "DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    moments = [shown.pop(key) for key in ("AlarmConfigurationUpdatedTimestamp", "StateUpdatedTimestamp")]
    assert all(isinstance(moment, datetime) for moment in moments)
    assert shown == {
        **alarm,
        "AlarmName": name,
        "AlarmArn": f"arn:aws:cloudwatch:eu-central-1:000000000000:alarm:{name}",
        "StateValue": "INSUFFICIENT_DATA",
        "StateReason": "Unchecked: Initial alarm creation",
    }


def test_an_alarm_that_is_put_again_is_the_new_one(aws: Aws) -> None:
    name = f"again-{next(_numbers)}"
    query(aws, "PutMetricAlarm", **{**EXPRESSION, "AlarmName": name})
    query(aws, "PutMetricAlarm", **{**SINGLE, "AlarmName": name})
    [shown] = query(aws, "DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    assert (shown["MetricName"], shown["Dimensions"]) == (SINGLE["MetricName"], SINGLE["Dimensions"])
    assert "Metrics" not in shown


def test_tags_and_other_actions_of_alarms_stay_ministacks(aws: Aws) -> None:
    name = f"tagged-{next(_numbers)}"
    query(aws, "PutMetricAlarm", **{**SINGLE, "AlarmName": name, "Tags": [{"Key": "Owner", "Value": "me"}]})
    [shown] = query(aws, "DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    tags = query(aws, "ListTagsForResource", ResourceARN=shown["AlarmArn"])["Tags"]
    assert tags == [{"Key": "Owner", "Value": "me"}]
    query(aws, "DeleteAlarms", AlarmNames=[name])
    assert query(aws, "DescribeAlarms", AlarmNames=[name])["MetricAlarms"] == []


# State machines


def test_a_state_machine_keeps_whether_it_is_traced(aws: Aws) -> None:
    states = aws.client("stepfunctions")
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    made = [
        states.create_state_machine(name=f"traced-{next(_numbers)}", definition=definition, roleArn=ROLE, **tracing)
        for tracing in ({"tracingConfiguration": {"enabled": True}}, {})
    ]
    arns = [machine["stateMachineArn"] for machine in made]

    def traced() -> list[bool]:
        return [states.describe_state_machine(stateMachineArn=arn)["tracingConfiguration"]["enabled"] for arn in arns]

    assert traced() == [True, False]
    states.update_state_machine(stateMachineArn=arns[0], definition=definition)
    assert traced() == [True, False]
    states.update_state_machine(stateMachineArn=arns[0], tracingConfiguration={"enabled": False})
    assert traced() == [False, False]


# Glue


def test_a_job_has_the_tags_that_it_was_made_with(aws: Aws) -> None:
    glue, name = aws.client("glue"), f"tagged-{next(_numbers)}"
    arn = f"arn:aws:glue:eu-central-1:000000000000:job/{name}"
    job = {"Name": name, "Role": ROLE, "Command": {"Name": "glueetl"}}
    glue.create_job(**job, Tags={"Owner": "me"})
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"Owner": "me"}
    glue.delete_job(JobName=name)
    glue.create_job(**job)
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {}


def test_a_crawler_has_its_tags_and_no_lineage(aws: Aws) -> None:
    glue, name = aws.client("glue"), f"tagged-{next(_numbers)}"
    arn = f"arn:aws:glue:eu-central-1:000000000000:crawler/{name}"
    crawler = {"Name": name, "Role": ROLE, "Targets": {"S3Targets": [{"Path": "s3://b/p/"}]}}
    glue.create_crawler(**crawler, Tags={"Owner": "me"})
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"Owner": "me"}
    shown = glue.get_crawler(Name=name)["Crawler"]
    assert shown["LineageConfiguration"] == {"CrawlerLineageSettings": "DISABLE"}
    glue.delete_crawler(Name=name)
    glue.create_crawler(**crawler, LineageConfiguration={"CrawlerLineageSettings": "ENABLE"})
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {}
    shown = glue.get_crawler(Name=name)["Crawler"]
    assert shown["LineageConfiguration"] == {"CrawlerLineageSettings": "ENABLE"}


def test_partition_indexes_come_and_go(aws: Aws) -> None:
    glue, database = aws.client("glue"), f"indexed_{next(_numbers)}"
    glue.create_database(DatabaseInput={"Name": database})
    keys = [{"Name": name, "Type": "string"} for name in ("year", "month")]
    glue.create_table(DatabaseName=database, TableInput={"Name": "t", "PartitionKeys": keys})
    table = {"DatabaseName": database, "TableName": "t"}

    def create(name: str, *columns: str) -> None:
        glue.create_partition_index(**table, PartitionIndex={"IndexName": name, "Keys": list(columns)})

    def names() -> list[str]:
        found = glue.get_partition_indexes(**table)["PartitionIndexDescriptorList"]
        return [index["IndexName"] for index in found]

    for name in ("one", "two", "three"):
        create(name, "year")
    for code, name, column in (
        ("AlreadyExistsException", "one", "year"),
        ("InvalidInputException", "four", "day"),
        ("ResourceNumberLimitExceededException", "four", "year"),
    ):
        with pytest.raises(ClientError) as error:
            create(name, column)
        assert error.value.response["Error"]["Code"] == code
    assert names() == ["one", "two", "three"]
    glue.delete_partition_index(**table, IndexName="two")
    assert names() == ["one", "three"]
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.delete_partition_index(**table, IndexName="two")
    assert names() == ["one", "three"]


# Saved queries


def test_saved_queries_are_kept_changed_found_and_deleted(tmp_path: Path) -> None:
    config = cloud_config(tmp_path / "state")
    with LocalCloudProcess(config) as cloud:
        logs = Aws(cloud.endpoint_url).client("logs")
        ids = {
            name: logs.put_query_definition(name=name, queryString=f"fields {name}", logGroupNames=["/a", "/b"])[
                "queryDefinitionId"
            ]
            for name in ("sluice/errors", "sluice/slow", "other")
        }
        logs.put_query_definition(name="sluice/slow", queryDefinitionId=ids["sluice/slow"], queryString="fields new")
        with pytest.raises(logs.exceptions.ResourceNotFoundException):
            logs.put_query_definition(name="x", queryDefinitionId="none", queryString="fields x")
    with LocalCloudProcess(config) as cloud:
        logs = Aws(cloud.endpoint_url).client("logs")
        found = logs.describe_query_definitions(queryDefinitionNamePrefix="sluice/")["queryDefinitions"]
        assert [{key: value for key, value in query.items() if key != "lastModified"} for query in found] == [
            {
                "queryLanguage": "CWLI",
                "queryDefinitionId": ids["sluice/errors"],
                "name": "sluice/errors",
                "queryString": "fields sluice/errors",
                "logGroupNames": ["/a", "/b"],
            },
            {
                "queryLanguage": "CWLI",
                "queryDefinitionId": ids["sluice/slow"],
                "name": "sluice/slow",
                "queryString": "fields new",
            },
        ]
        first = logs.describe_query_definitions(maxResults=2)
        rest = logs.describe_query_definitions(maxResults=2, nextToken=first["nextToken"])
        assert [query["name"] for page in (first, rest) for query in page["queryDefinitions"]] == sorted(ids)
        assert logs.delete_query_definition(queryDefinitionId=ids["other"])["success"] is True
        with pytest.raises(logs.exceptions.ResourceNotFoundException):
            logs.delete_query_definition(queryDefinitionId=ids["other"])
        assert len(logs.describe_query_definitions()["queryDefinitions"]) == 2

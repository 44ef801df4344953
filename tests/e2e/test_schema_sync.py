"""The schema sync as it is deployed: the function of the zip, started by a crawler's event."""

import json
from pathlib import Path
from typing import Any

from sluice.aws.documents import Documents
from sluice.drift import Kind
from sluice.drift.report import DriftReport, ZoneSurvey
from tests.e2e.stack import Stack

EVENT = json.loads(
    (Path(__file__).parents[1] / "events" / "glue_crawler_state_change.json").read_text(encoding="utf-8")
)
CRAWLER = "sluice-processed-refunds"


def event(crawler: str = CRAWLER, state: str = "Succeeded") -> str:
    return json.dumps(EVENT | {"detail": EVENT["detail"] | {"crawlerName": crawler, "state": state}})


def crawled(stack: Stack) -> None:
    """Call the function with the event of a crawl; nobody but AWS may put events of AWS on the bus."""
    answer = stack.clients.lambda_.invoke(FunctionName=f"{stack.settings.prefix}sync-schema", Payload=event().encode())
    assert ("FunctionError" in answer, json.loads(answer["Payload"].read())) == (False, None)


def zone(stack: Stack) -> ZoneSurvey:
    """The report of the last survey."""
    url = stack.settings.processed.drift_report("refunds")
    return DriftReport.from_json(Documents(stack.clients.s3).read(url)).zones["processed"]


def columns(stack: Stack) -> list[Any]:
    table = stack.clients.glue.get_table(DatabaseName=stack.settings.processed_database, Name="refunds")["Table"]
    return list(table["StorageDescriptor"]["Columns"])


def test_the_rule_takes_the_ends_of_good_crawls_of_our_crawlers(stack: Stack) -> None:
    events = stack.clients.events
    pattern = events.describe_rule(Name=f"{stack.settings.prefix}crawled")["EventPattern"]
    taken = {
        (crawler, state): events.test_event_pattern(EventPattern=pattern, Event=event(crawler, state))["Result"]
        for crawler in (CRAWLER, "somebody-elses")
        for state in ("Started", "Succeeded", "Failed")
    }
    assert [key for key, is_taken in taken.items() if is_taken] == [(CRAWLER, "Succeeded")]
    (target,) = events.list_targets_by_rule(Rule=f"{stack.settings.prefix}crawled")["Targets"]
    assert target["Arn"].endswith(f":function:{stack.settings.prefix}sync-schema")


def test_a_crawl_brings_the_catalog_back_to_its_contract(stack: Stack) -> None:
    glue, database = stack.clients.glue, stack.settings.processed_database
    wanted = columns(stack)

    crawled(stack)
    first = zone(stack)
    assert (first.crawler, first.differences) == (CRAWLER, ())

    table: Any = glue.get_table(DatabaseName=database, Name="refunds")["Table"]
    kept: Any = {
        name: table[name] for name in ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    }
    lost = kept["StorageDescriptor"]["Columns"].pop(1)
    glue.update_table(DatabaseName=database, TableInput=kept)
    crawled(stack)

    second = zone(stack)
    assert second.surveyed_at > first.surveyed_at
    (found,) = second.differences
    assert (found.layer, found.column, found.kind, found.is_applied) == ("catalog", lost["Name"], Kind.COMPATIBLE, True)
    assert columns(stack) == wanted

"""The function that takes messages: one large manifest takes no neighbour along."""

import json
from datetime import timedelta
from typing import Any

import pytest

from lambda_trigger import arrival, handlers, manifests
from lambda_trigger.manifests import ManifestEvent
from sluice.aws.documents import ObjectInfo
from sluice.errors import AwsBusyError
from sluice.ledger.batch import BatchState
from tests.doubles.world import ROOT, World

QUEUE = json.loads((ROOT / "terraform" / "stack.json").read_text(encoding="utf-8"))["queue"]
FOLDER = "orders/year=2026/month=11/day=20/hour={:02}"


class Context:
    """What Lambda tells of an invocation; each look at the clock takes some time."""

    function_name = "on-manifest"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:on-manifest"
    aws_request_id = "r"

    def __init__(self, *seconds: float) -> None:
        self._seconds = list(seconds)

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._seconds.pop(0) if len(self._seconds) > 1 else self._seconds[0]))


def message(event: ManifestEvent, receives: int = 1) -> dict[str, Any]:
    thing = {"key": event.key, "sequencer": event.sequencer, "versionId": event.version_id, "eTag": event.etag}
    record = {
        "eventVersion": "2.1",
        "eventName": "ObjectCreated:Put",
        "eventTime": event.written_at,
        "s3": {"bucket": {"name": event.bucket}, "object": thing},
    }
    return {
        "messageId": event.folder[-2:],
        "receiptHandle": f"receipt {event.folder[-2:]}",
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "body": json.dumps({"Records": [record]}),
        "eventSource": "aws:sqs",
    }


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(handlers, "trigger_of_container", lambda: world.trigger)
    return world


def handled(world: World, context: Context, count: int = 3) -> list[str]:
    """The messages that are to come again."""
    messages = [message(world.send(FOLDER.format(hour))) for hour in range(count)]
    answer: Any = handlers.on_manifest({"Records": messages}, context)  # type: ignore[arg-type]
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_with_enough_time_all_are_taken_and_dispatched(world: World) -> None:
    assert handled(world, Context(100)) == []
    assert set(world.states().values()) == {"CONVERTING"}


def test_messages_for_which_there_is_no_time_come_again(world: World) -> None:
    assert handled(world, Context(100, 44, 43, 42)) == ["01", "02"]
    assert world.deliveries.again == {"receipt 01": 10, "receipt 02": 10}
    assert list(world.states().values()) == ["CONVERTING"]


def test_what_failed_because_of_the_world_comes_again_within_seconds(world: World) -> None:
    first, second = world.send(FOLDER.format(1)), world.send(FOLDER.format(2))
    world.faults.fail("before MemoryLedger.versions", AwsBusyError("throttled"))
    messages = [message(first, receives=3), message(second)]
    answer: Any = handlers.on_manifest({"Records": messages}, Context(100))  # type: ignore[arg-type]
    assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == ["01"]
    assert world.deliveries.again == {"receipt 01": 40}


def test_what_failed_otherwise_comes_after_the_timeout(world: World) -> None:
    broken = {**message(world.send(FOLDER.format(1))), "body": "[]"}
    answer: Any = handlers.on_manifest({"Records": [broken]}, Context(100))  # type: ignore[arg-type]
    assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == ["01"]
    assert world.deliveries.again == {}


def test_a_queue_that_does_not_answer_gives_the_message_later(world: World) -> None:
    world.faults.fail("before MemoryLedger.versions", AwsBusyError("throttled"))
    world.faults.fail("before MemoryDeliveries.again_in", AwsBusyError("throttled, too"))
    assert handled(world, Context(100), count=1) == ["00"]
    assert world.deliveries.again == {}


def test_all_deliveries_of_a_message_outlast_a_throttled_hour_and_end_before_the_queue_forgets_it() -> None:
    delays = [handlers.delay_after(receives) for receives in range(1, QUEUE["max_receives"])]
    assert delays[:4] == [10, 20, 40, 80]
    assert max(delays) < QUEUE["visibility_timeout_seconds"]
    assert 2 * 3600 < sum(delays) < QUEUE["retention_seconds"]


def test_without_time_the_sweep_dispatches(world: World) -> None:
    assert handled(world, Context(100, 80, 60, 19)) == []
    assert list(world.states().values()) == ["RECEIVED"] * 3
    world.sweep()
    assert list(world.states().values()) == ["CONVERTING"] * 3


def test_a_manifest_ends_before_the_function_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # The files of the first one are looked for slowly, so that the time of the function is over.
    infos = world.documents.infos

    def slow(folder: str, urls: Any) -> Any:
        world.now += timedelta(seconds=50)
        return infos(folder, urls)

    monkeypatch.setattr(manifests, "_FILES_AT_ONCE", 1)
    monkeypatch.setattr(world.documents, "infos", slow)
    event = world.send(FOLDER.format(1), {"a": b"1", "b": b"2", "c": b"3"})
    answer: Any = handlers.on_manifest({"Records": [message(event)]}, Context(100))  # type: ignore[arg-type]
    assert [item["itemIdentifier"] for item in answer["batchItemFailures"]] == ["01"]
    assert world.states() == {}


def test_a_manifest_beyond_the_limits_is_rejected_with_the_rule(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MAX_FILES", 2)
    many = world.send(FOLDER.format(1), {"a": b"1", "b": b"2", "c": b"3"})
    arrival.take(world.trigger, many)
    monkeypatch.setattr(manifests, "MAX_MANIFEST_BYTES", 10)
    long = world.send(FOLDER.format(2))
    arrival.take(world.trigger, long)
    size = len(world.documents.read(long.url))
    reasons = [record.reason for _, record in sorted(world.ledger.records.items())]
    advice = "send the files of the partition in fewer entries, or as larger files"
    assert reasons == [
        f"ManifestError: {many.url}: lists 3 files; at most 2 are taken",
        f"ManifestError: {long.url}: has {size} bytes; at most 10 are read: {advice}",
    ]
    assert {record.state for record in world.ledger.records.values()} == {BatchState.REJECTED}


def test_a_hundred_thousand_files_are_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    base = f"s3://sluice-raw/{FOLDER.format(1)}"
    entries = [{"url": f"{base}/part-{number:06}"} for number in range(manifests.MAX_FILES)]
    event = world.send(FOLDER.format(1), {}, manifest=json.dumps({"entries": entries}).encode())
    looks: list[int] = []

    def infos(folder: str, urls: Any) -> Any:
        looks.append(len(urls))
        assert folder == f"{base}/"
        return dict.fromkeys(urls, ObjectInfo(1, world.now, "e"))

    monkeypatch.setattr(world.documents, "infos", infos)
    arrival.take(world.trigger, event)
    (record,) = world.ledger.records.values()
    assert (record.state, record.files, record.size_bytes) == (BatchState.RECEIVED, 100_000, 100_000)
    assert looks == [5000] * 20

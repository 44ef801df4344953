import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_trigger.manifests import EventError, ManifestEvent, manifest_events

EVENTS = Path(__file__).parents[1] / "events"
BUCKET = "sluice-raw"
ENCODED = "orders/year%3D2026/month%3D11/day%3D20/hour%3D13/manifest.json"


def body(name: str) -> str:
    return (EVENTS / name).read_text()


def changed(path: str, value: object) -> str:
    """The event of one put with one field changed; None removes it."""
    message = json.loads(body("s3_object_created_put.json"))
    *parents, last = path.split(".")
    target = message["Records"][0]
    for name in parents:
        target = target[name]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return json.dumps(message)


def test_put_in_a_versioned_bucket() -> None:
    assert manifest_events(body("s3_object_created_put.json"), BUCKET) == (
        ManifestEvent(
            bucket="sluice-raw",
            key="orders/year=2026/month=11/day=20/hour=13/manifest.json",
            sequencer="0055AED6DCD90281E5",
            version_id="096fKKXTRTtl3on89fVO.nfljtsv6qko",
            etag="d41d8cd98f00b204e9800998ecf8427e",
            written_at="2026-11-20T14:02:11.873Z",
        ),
    )


def test_an_event_in_an_envelope_of_sns_is_the_same_event() -> None:
    plain = manifest_events(body("s3_object_created_put.json"), BUCKET)
    assert manifest_events(body("sns_s3_object_created.json"), BUCKET) == plain


def test_an_event_of_eventbridge_is_the_same_event() -> None:
    (plain,) = manifest_events(body("s3_object_created_put.json"), BUCKET)
    expected = replace(plain, written_at="2026-11-20T14:02:11Z")
    assert manifest_events(body("eventbridge_s3_object_created.json"), BUCKET) == (expected,)


def test_a_key_of_eventbridge_is_not_encoded() -> None:
    message = json.loads(body("eventbridge_s3_object_created.json"))
    message["detail"]["object"]["key"] = "a+b %2B/manifest.json"
    (event,) = manifest_events(json.dumps(message), BUCKET)
    assert event.folder == "a+b %2B"


def test_other_events_of_eventbridge_announce_nothing() -> None:
    message = json.loads(body("eventbridge_s3_object_created.json")) | {"detail-type": "Object Deleted"}
    assert manifest_events(json.dumps(message), BUCKET) == ()


def test_the_test_event_through_sns_announces_nothing() -> None:
    message = json.loads(body("sns_s3_object_created.json")) | {"Message": body("s3_test_event.json")}
    assert manifest_events(json.dumps(message), BUCKET) == ()


def test_several_records_with_encoded_keys_without_versions_and_a_deletion() -> None:
    assert manifest_events(body("s3_several_records.json"), BUCKET) == (
        ManifestEvent(
            bucket="sluice-raw",
            key="odd name/100% + one/manifest.json",
            sequencer="0055AED6DCD9028200",
            etag="9b2cf535f27731c974343645a3985328-2",
            written_at="2026-11-20T14:02:11.873Z",
        ),
        ManifestEvent(
            bucket="sluice-raw",
            key="transactions/2026-11-20/13/manifest.json",
            sequencer="0055AED6DCD9028201",
            etag="d41d8cd98f00b204e9800998ecf8427e",
            written_at="2026-11-20T14:02:12.001Z",
        ),
    )


def test_the_test_event_announces_nothing() -> None:
    assert manifest_events(body("s3_test_event.json"), BUCKET) == ()


@pytest.mark.parametrize(
    "key",
    [
        "orders/year=2026/part-1.json",
        "orders/my-manifest.json",
        "orders/manifest.json/part-1",
        "archive/orders/year=2026/manifest.json",
        "_staging/manifest.json",
    ],
)
def test_other_objects_announce_nothing(key: str) -> None:
    assert manifest_events(changed("s3.object.key", quote_plus(key)), BUCKET) == ()


def test_another_bucket_announces_nothing() -> None:
    assert manifest_events(body("s3_object_created_put.json"), "other-raw") == ()


def test_a_manifest_at_the_top_of_the_bucket_has_an_empty_folder() -> None:
    (event,) = manifest_events(changed("s3.object.key", "manifest.json"), BUCKET)
    assert (event.folder, event.url) == ("", "s3://sluice-raw/manifest.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "message is not valid JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[1]", "message is not an event of S3: it is a list"),
        ("{}", "message is not an event of S3: it has no list named 'Records'"),
        ('{"Records": 1}', "message is not an event of S3: it has no list named 'Records'"),
        ('{"Records": [1]}', "message is not an event of S3: TypeError(\"'int' object is not subscriptable\")"),
        (
            json.dumps({"Type": "Notification", "Message": "hello"}),
            "message is not valid JSON: Expecting value: line 1 column 1 (char 0)",
        ),
        (
            json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": {}}),
            "message is not an event of S3: KeyError('bucket')",
        ),
        (changed("eventVersion", None), "message is not an event of S3: KeyError('eventVersion')"),
        (changed("eventVersion", "3.0"), "event version '3.0' is not 2.x"),
        (changed("s3.bucket", {}), "message is not an event of S3: KeyError('name')"),
        (
            changed("s3.object.sequencer", None),
            f"event of {ENCODED!r}: sequencer '' is not a hexadecimal number",
        ),
        (
            changed("s3.object.sequencer", "12.3"),
            f"event of {ENCODED!r}: sequencer '12.3' is not a hexadecimal number",
        ),
    ],
)
def test_what_is_no_event_is_refused(text: str, message: str) -> None:
    with pytest.raises(EventError) as caught:
        manifest_events(text, BUCKET)
    assert str(caught.value) == message


@given(st.text(min_size=1, max_size=40).filter(lambda name: not name.startswith(("_", "archive/"))))
def test_every_key_comes_back_as_it_was(folder: str) -> None:
    encoded = quote_plus(f"{folder}/manifest.json", safe="/")
    (event,) = manifest_events(changed("s3.object.key", encoded), BUCKET)
    assert event.folder == folder


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert manifest_events(text, BUCKET) == ()
    except EventError:
        return

"""Deliveries made to break the path: each ends loaded, or refused by a rule that its batch names, in bounded memory.

What a single file can do to its reader is in `test_kernel_hostile`; here it goes the whole way, from the manifest to
the rows of the warehouse. Longer versions are part of ``make prove``: SLUICE_HOSTILE says by how much they are longer.
"""

import bz2
import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager as Context
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from lambda_trigger.manifests import MAX_MANIFEST_BYTES
from sluice.contract.files import read_contracts
from sluice.contract.model import Contract
from sluice.kernel.parse import content
from sluice.kernel.parse.content import MAX_RECORD_CHARACTERS
from sluice.ledger.batch import BatchState
from sluice.ledger.record import BatchRecord
from tests.doubles.world import World
from tests.histories.account import Account
from tests.histories.contents import FIRST_CONTRACTS, contracts
from tests.histories.names import NAMES

LONGER = int(os.environ.get("SLUICE_HOSTILE", "1"))
MIB = 1 << 20
FOLDER = "events/year=2026/month=11/day=20/hour=10"
HEADER = "event_id,amount,updated_at\n"
MOMENT = "2026-11-20T10:00:00"
ROOT = Path(__file__).parents[2]

VALUES = [
    "'; DROP TABLE public.events; --",
    "\\'; DROP TABLE public.events; --",
    "$(reboot) `reboot` && reboot",
    "../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "{{7*7}} ${7*7} %(x)s :dates",
    "NULL",
    "\u202eevil",
    "a\x01b\x7f",
    "🫖" * 4,
]


def send(
    account: World, files: Mapping[str, bytes], folder: str = FOLDER, manifest: bytes | None = None
) -> BatchRecord:
    """Let a delivery come and everything come to rest; gives its batch."""
    event = account.send(folder, files, manifest=manifest)
    account.deliver(event)
    account.drain()
    (record,) = [one for one in account.ledger.records.values() if one.manifest_version == event.version_id]
    return record


def events(*values: str) -> bytes:
    return (HEADER + "".join(f"{value},{number},{MOMENT}\n" for number, value in enumerate(values))).encode()


def test_names_of_all_kinds_are_names() -> None:
    account = Account(archiving("events"))
    record = send(account, {name: events(f"E{number}") for number, name in enumerate(NAMES)})
    assert (record.state, record.reason, record.files) == (BatchState.ARCHIVED, "", len(NAMES))
    rows = {row["event_id"]: row["_source_file"] for row in account.duck.table("events")}
    assert rows == {f"E{number}": f"s3://sluice-raw/{FOLDER}/{name}" for number, name in enumerate(NAMES)}
    raw = [url for url in account.documents.urls() if url.startswith("s3://sluice-raw/")]
    assert sorted(raw) == sorted(f"s3://sluice-raw/archive/{FOLDER}/{name}" for name in (*NAMES, "manifest.json"))


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        (f"s3://sluice-raw/{FOLDER}/../../secret", "has an empty, '.' or '..' part in its path"),
        (f"s3://sluice-raw/{FOLDER}/./x", "has an empty, '.' or '..' part in its path"),
        (f"s3://sluice-raw/{FOLDER}//x", "has an empty, '.' or '..' part in its path"),
        (f"s3://sluice-raw/{FOLDER}/", "has an empty, '.' or '..' part in its path"),
        (f"s3://sluice-raw/{FOLDER}x/part-1", "is not inside"),
        (f"s3://other/{FOLDER}/part-1", "is not inside"),
        ("s3://sluice-raw/_sluice/x", "is not inside"),
        ("file:///etc/passwd", "is not an object URL"),
        ("https://sluice-raw.s3.amazonaws.com/x", "is not an object URL"),
        (f"s3://sluice-raw/{FOLDER}/{'x' * 1000}", "the key has"),
        (f"s3://sluice-raw/{FOLDER}/{'x' * 976}", "there is no room for its name in the archive"),
        (f"s3://sluice-raw/{FOLDER}/\ud800", "the key cannot be written as UTF-8"),
        (f"s3://sluice-raw/{FOLDER}/manifest.json", "the manifest lists itself"),
    ],
)
def test_places_where_no_file_may_be(url: str, rule: str) -> None:
    account = Account(contracts(1))
    before = dict(account.catalog.partitions)
    record = send(account, {}, manifest=json.dumps({"entries": [{"url": url}]}).encode())
    assert record.state is BatchState.REJECTED
    assert record.reason.startswith("ManifestError: ")
    assert "entries[0]" in record.reason
    assert rule in record.reason
    assert (account.glue.runs, account.catalog.partitions) == ({}, before)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"entries":' * 50_000, "not valid JSON"),
        (b'{"entries": [' + b"9" * 5000 + b"]}", "not valid JSON"),
        (b'{"entries": {"url": "x"}}', "a list named 'entries'"),
        (b'{"entries": []}', "'entries' is empty"),
        (b'{"entries": [NaN]}', "entries[0]"),
        (b'{"entries": [{"url": ["x"]}]}', "entries[0]: must be an object with a text named 'url'"),
        (b'<!DOCTYPE m [<!ENTITY e SYSTEM "file:///etc/passwd">]><m>&e;</m>', "not valid JSON"),
        (b" " * (MAX_MANIFEST_BYTES + 1), f"at most {MAX_MANIFEST_BYTES} are read"),
    ],
    ids=["empty", "utf-16", "deep", "deep objects", "digits", "object", "none", "nan", "no text", "xml", "too long"],
)
def test_manifests_that_are_none(text: bytes, rule: str) -> None:
    account = Account(contracts(1))
    record = send(account, {}, manifest=text)
    assert record.state is BatchState.REJECTED
    assert rule in record.reason
    assert len(record.reason) <= 4000
    assert account.topics.of("rejected")[0]["batch"] == record.batch_id


def test_a_manifest_of_thousands_of_files() -> None:
    """All of them are looked at, and one that is missing is named."""
    account = World()
    count = 5000 * LONGER - 1  # with the one that is missing not above the limit
    bodies = {f"part-{number:06}": b"x" for number in range(count)}
    account.send("orders/year=2026/month=11/day=20/hour=09", bodies)
    entries = [f"s3://sluice-raw/orders/year=2026/month=11/day=20/hour=09/{name}" for name in bodies]
    missing = json.dumps({"entries": [{"url": url} for url in (*entries, f"{entries[0]}-not")]}).encode()
    first = send(account, {}, "orders/year=2026/month=11/day=20/hour=09", missing)
    assert first.state is BatchState.REJECTED
    assert first.reason.startswith(
        f"IncompleteError: {first.manifest_url}: mandatory file {entries[0]}-not is not there"
    )
    whole = json.dumps({"entries": [{"url": url} for url in entries]}).encode()
    second = send(account, {}, "orders/year=2026/month=11/day=20/hour=09", whole)
    assert (second.state, second.files) == (BatchState.LOADED, count)


def test_values_of_all_kinds_are_values() -> None:
    account = Account(contracts(1))
    lines = "".join(f'"{value}",1,{MOMENT}\n' for value in VALUES)
    wide = replace(column(account.contracts["events"], "event_id", "varchar(99)"), max_rejected_ratio=1.0)
    account.deploy({**account.contracts, "events": wide})
    record = send(account, {"part-1": (HEADER + lines).encode()})
    assert (record.state, record.reasons) == (BatchState.LOADED, {})
    assert sorted(row["event_id"] for row in account.duck.table("events")) == sorted(VALUES)


def column(contract: Contract, name: str, kind: str) -> Contract:
    """The contract with another type of a column of its first table."""
    table = contract.tables[0]
    columns = tuple(replace(one, type=kind) if one.name == name else one for one in table.columns)
    return replace(contract, tables=(replace(table, columns=columns),))


def archiving(dataset: str) -> dict[str, Contract]:
    return {**contracts(1), dataset: replace(FIRST_CONTRACTS[dataset], archive=True)}


Body = Callable[[], bytes]
XML_FOLDER = "products/year=2026/month=11/day=20/hour=10"
JSON_FOLDER = "orders/year=2026/month=11/day=20/hour=10"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))


UNPACKED = 40 * MIB if LONGER == 1 else 1200 * MIB


def bounded(limit: int = 10 * MIB) -> Context[Any]:
    """A lower bound of unpacked bytes: the test need not unpack a GiB."""
    return patch.object(content, "MAX_UNPACKED_BYTES", limit) if LONGER == 1 else nullcontext()


CSV_FOLDER = "customers/year=2026/month=11/day=20/hour=10"


def many_columns() -> bytes:
    return (",".join(f"c{n}" for n in range(10_000)) + "\n" + ",".join("1" * 10_000) + "\n").encode()


def many_fields() -> bytes:
    return json.dumps({f"f{n}": n for n in range(10_000)}).encode()


def deep() -> bytes:
    return b'{"order_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"


def xml(prologue: str, value: str) -> bytes:
    return f"<!DOCTYPE r [{prologue}]><products><product><name>{value}</name></product></products>".encode()


LAUGHTER = xml(f'<!ENTITY l0 "ha">{LAUGHS}', "&l29;")
STOLEN = xml('<!ENTITY e SYSTEM "file:///etc/passwd">', "&e;")
LINE = b"x" * (64 * 1024 - 1) + b"\n"
PROJECT = read_contracts(ROOT / "contracts")


def bomb() -> bytes:
    """A file that is what its contract says, as far as one sees at its beginning."""
    header = ",".join(column.path for column in PROJECT["customers"].tables[0].columns)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(f"{header}\n".encode())
        for _ in range(UNPACKED // len(LINE)):
            file.write(LINE)
    return packed.getvalue()


LONG = f"record: longer than {MAX_RECORD_CHARACTERS} characters"
BOMB = "file: unpacks to more than 250 times its size, which no data do"
BODIES: dict[str, tuple[str, str, Body, str]] = {
    "a field of 10 MB": ("events", FOLDER, lambda: events("x" * 10_000_000), "events.event_id: longer than 20 bytes"),
    "a record of 17 MB": ("events", FOLDER, lambda: events("x" * (17 * MIB)), LONG),
    "10,000 columns": ("events", FOLDER, many_columns, "file: "),
    "10,000 fields": ("orders", JSON_FOLDER, many_fields, "file: lacks field items, order_id"),
    "nesting of 100,000": ("orders", JSON_FOLDER, deep, "record: malformed JSON"),
    "a gzip bomb": ("customers", CSV_FOLDER, bomb, BOMB),
    "a bzip2 that is not a gzip": (
        "customers",
        CSV_FOLDER,
        lambda: bz2.compress(b"\n"),
        "file: is not a valid gzip file",
    ),
    "a billion laughs": ("products", XML_FOLDER, lambda: LAUGHTER, "file: "),
    "a file of the machine": ("products", XML_FOLDER, lambda: STOLEN, "file: "),
}


@pytest.mark.parametrize("name", BODIES)
def test_what_is_in_a_file_is_refused_by_a_rule_in_bounded_memory(name: str) -> None:
    dataset, folder, make, rule = BODIES[name]
    account = Account({**contracts(1), "customers": PROJECT["customers"], "products": PROJECT["products"]})
    body = make()
    neighbours: dict[str, Body] = {"orders": order, "events": lambda: events("E1")}
    good = neighbours.get(dataset)
    files = {"hostile": body, **({} if good is None else {"good": good()})}
    event = account.send(folder, files)
    tracemalloc.start()
    try:
        with bounded():
            account.deliver(event)
            account.drain()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (record,) = account.ledger.records.values()
    assert record.state in {BatchState.FAILED, BatchState.LOADED, BatchState.ARCHIVED}
    assert record.reasons
    assert any(reason.startswith(rule) for reason in record.reasons), record.reasons
    assert peak < 200 * MIB
    assert "root:" not in json.dumps(record.to_plain())


def order() -> bytes:
    found = {
        "order_id": "O1",
        "customer": {"id": "C1"},
        "customer_id": "C1",
        "order_date": "2026-11-20",
        "total_amount": "1.00",
        "order_status": "placed",
        "updated_at": MOMENT,
        "items": [{"line_number": 1, "quantity": 1}],
    }
    return (json.dumps(found) + "\n").encode()

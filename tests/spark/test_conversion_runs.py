"""Runs of many batches: none shares another's fate, nothing is lost or doubled, and a repeat changes nothing."""

import gzip
import os
import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from glue_jobs.conversion import one_batch
from glue_jobs.conversion.run import ClosedClaimError, convert
from sluice.contract import Contract, parse_contract
from sluice.errors import AccountingError, AwsBusyError, TerminalError
from sluice.kernel.write import TableWriter, WrittenTable
from sluice.lake.handover import BatchOutcome, ClosedClaim, FrozenManifest, RunFolders, RunInput, TableCounts
from sluice.lake.layout import Partition, archive_url
from sluice.lake.stored import raw_location
from tests.doubles.folder import FolderStore
from tests.spark.lake import HOUR, Lake


def contract(form: str = "csv", ratio: float = 0.5, **changes: Any) -> Contract:
    table = {
        "name": "t",
        "primary_key": ["k"],
        "order_by": ["at"],
        "redshift": {"sort_key": ["v", "k"]},
        "columns": [
            {"name": "k", "type": "integer"},
            {"name": "v", "type": "varchar(40)"},
            {"name": "at", "type": "date"},
        ],
    } | changes
    source = {"format": form, "layout": "d/%Y/%m/%d/%H"}
    return parse_contract({"dataset": "d", "source": source, "max_rejected_ratio": ratio, "tables": [table]}, "d.yaml")


def csv(*rows: str) -> str:
    return "\n".join(("k,v,at", *rows)) + "\n"


def hours(count: int) -> list[Partition]:
    return [Partition(HOUR.start + timedelta(hours=number)) for number in range(count)]


def by_id(outcomes: Iterable[BatchOutcome]) -> dict[str, BatchOutcome]:
    return {outcome.batch_id: outcome for outcome in outcomes}


def test_blanks_at_the_end_of_any_part_of_a_key_make_no_other_row(lake: Lake) -> None:
    """Redshift does not tell such texts apart, so versions of one row have to meet, whichever worker read them."""
    columns = [
        {"name": "k", "type": "varchar(10)"},
        {"name": "v", "type": "varchar(10)"},
        {"name": "at", "type": "date"},
    ]
    table = contract(primary_key=["k", "v"], redshift={}, columns=columns)
    older = [f"{key}  ,v,2026-11-20" for key in range(40)]
    newer = [f"{key},v ,2026-11-21" for key in range(40)]
    outcome = lake.run_one(table, {"at 13:00.csv": csv(*older), "at 14:00.csv": csv(*newer)})
    assert outcome.error == ""
    assert lake.rows("t", "k", "v") == sorted((str(key), "v ") for key in range(40))
    assert [(file.tables["t"].duplicates, file.tables["t"].published) for file in outcome.files] == [(40, 0), (0, 40)]


def test_many_partitions_are_one_run_and_keep_apart(lake: Lake) -> None:
    table, count = contract(), 40 if lake.engine == "process" else 6
    ids = {
        lake.send(
            table, hour, {f"{n}.csv": csv(*(f"{key},h{index},2026-11-20" for key in (3, 1, 2))) for n in (1, 2)}
        ): hour
        for index, hour in enumerate(hours(count))
    }
    outcome = lake.run(table)
    assert outcome.engine == lake.engine
    assert [batch.error for batch in outcome.batches] == [""] * count
    assert sorted(by_id(outcome.batches)) == sorted(ids)
    for index, (batch_id, hour) in enumerate(ids.items()):
        rows = lake.rows("t", "v", "k", "_source_file", partition=hour)
        # Of equal versions the one of the last file is kept.
        url = lake.raw_url(table, "2.csv", hour)
        assert rows == [(f"h{index}", key, url) for key in (1, 2, 3)]
        for path in lake.files("t", hour):
            keys = [int(str(key)) for key in pq.ParquetFile(path).read(["k"])["k"].to_pylist()]
            assert keys == sorted(keys)
        folder = lake.settings.processed.partition("t", hour, outcome.run)
        assert lake.catalog.partitions["sluice_processed", "t"][hour.values] == f"{folder}/"
        assert by_id(outcome.batches)[batch_id].table_counts() == {"t": TableCounts(6, 0, 3, 3)}


def test_a_large_batch_is_shared_and_each_file_is_sorted(spark_lake: Lake) -> None:
    """No key is in two files, so no older version of a row stays."""
    table = contract(ratio=1)
    chance = random.Random(1)
    rows = [f"{chance.randint(1, 500)},{number:x},2026-11-{chance.randint(1, 30):02}" for number in range(3000)]
    files: dict[str, bytes | str] = {f"{part}.csv": csv(*rows[part::6], "x,y,z") for part in range(6)}
    outcome = spark_lake.run_one(table, files)
    newest = {row.split(",")[0] for row in rows}
    counts = outcome.table_counts()["t"]
    assert (counts.read, counts.rejected, counts.published) == (3006, 6, len(newest))
    paths = spark_lake.files("t")
    assert len(paths) == 3
    seen: list[int] = []
    for path in paths:
        content = pq.ParquetFile(path).read(["v", "k"])
        values = [str(value) for value in content["v"].to_pylist()]
        assert values == sorted(values)
        seen += [int(str(key)) for key in content["k"].to_pylist()]
    assert sorted(seen) == sorted(map(int, newest))
    assert [file.rows for file in outcome.published["t"]] == [
        pq.ParquetFile(path).metadata.num_rows for path in sorted(paths)
    ]


def test_rows_without_a_key_are_shared_by_the_parts_that_they_came_in(lake: Lake) -> None:
    table = contract(load="append", primary_key=[], order_by=[])
    outcome = lake.run_one(table, {f"{n}.csv": csv(*[f"{n},same,2026-11-20"] * 20) for n in range(5)})
    assert outcome.table_counts() == {"t": TableCounts(100, 0, 0, 100)}
    assert Counter(lake.rows("t", "k")) == {(n,): 20 for n in range(5)}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of more than 200 bytes are read in parts."""
    monkeypatch.setattr(one_batch, "SPLIT_FROM_BYTES", 100)


def test_a_long_file_is_read_in_parts(lake: Lake, small_parts: None) -> None:
    table = parse_contract(
        {
            "dataset": "d",
            "source": {"format": "csv", "layout": "d/%Y/%m/%d/%H", "multiline": False},
            "max_rejected_ratio": 1,
            "tables": [{"name": "t", "load": "append", "columns": [{"name": "k", "type": "integer"}]}],
        },
        "d.yaml",
    )
    bad = {7, 123}
    body = "k\n" + "".join(f"{number}\n" if number not in bad else f"x{number}\n" for number in range(300))
    outcome = lake.run_one(table, {"1.csv": body, "2.csv": "k\n1000\n"})
    assert outcome.table_counts() == {"t": TableCounts(301, 2, 0, 299)}
    assert lake.rows("t") == sorted(((n,) for n in [*range(300), 1000] if n not in bad), key=repr)
    assert sorted(lake.rows("d_quarantine", "raw_text")) == [("x123",), ("x7",)]


def test_raw_files_are_read_once(lake: Lake, tmp_path: Path) -> None:
    lake.store = replace(lake.store, log=tmp_path / "opened")
    files = {f"{n}.csv": csv(f"{n},a,2026-11-20", f"x{n},a,2026-11-20") for n in range(5)}
    outcome = lake.run_one(contract(), files)
    assert outcome.table_counts() == {"t": TableCounts(10, 5, 0, 5)}
    opened = (tmp_path / "opened").read_text().split()
    assert sorted(opened) == sorted(file.url for file in outcome.files)


def test_a_run_twice_gives_the_same_content_in_new_files(lake: Lake) -> None:
    table = contract(ratio=1)
    lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20", "1,b,2026-11-21", "2,a,2026-11-20", "x,y,z")})
    first = lake.run(table).batches
    content, paths = lake.everything("t", "d_quarantine"), lake.files("t")
    second = lake.run(table).batches
    assert lake.everything("t", "d_quarantine") == content
    assert content == {key: rows for key, rows in content.items() if rows}
    assert set(lake.files("t")).isdisjoint(paths)
    assert len(lake.files("t")) == len(paths)
    assert [replace(batch, published={}) for batch in first] == [replace(batch, published={}) for batch in second]


def test_a_claim_is_done_once_and_then_its_files_belong_to_others(lake: Lake) -> None:
    table = contract()
    older = lake.send(table, HOUR, {"1.csv": csv("1,old,2026-11-20")})
    lake.run(table, older, claim="first")
    newer = lake.send(table, HOUR, {"2.csv": csv("2,new,2026-11-20")})
    lake.run(table, newer, claim="second")
    with pytest.raises(TerminalError, match=r"^claim first is done: s3://.*/first/outcome\.json exists$"):
        lake.run(table, older, claim="first")
    assert lake.rows("t", "k", "v") == [(2, "new")]


def test_a_dead_claim_that_is_run_again_does_not_come_over_a_newer_batch(
    process_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, table = process_lake, contract()
    older = lake.send(table, HOUR, {"1.csv": csv("1,old,2026-11-20")})

    def die(*_: object) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as killed:
        killed.setattr(lake.catalog, "switch", die)
        with pytest.raises(SystemExit):
            lake.run(table, older, claim="first")
    assert lake.everything("t") == {}
    lake.put(
        lake.settings.processed.run_closed("first"),
        ClosedClaim("first", "2026-11-20T14:30:00+00:00").to_json().encode(),
    )
    newer = lake.send(table, HOUR, {"2.csv": csv("2,new,2026-11-20")})
    lake.run(table, newer, claim="second")
    before = lake.everything("t")
    with pytest.raises(ClosedClaimError, match=r"claim first is closed: s3://\S+/first/closed\.json exists"):
        lake.run(table, older, claim="first")
    assert lake.everything("t") == before


def test_a_claim_that_is_closed_while_its_run_works_publishes_nothing(
    process_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, table = process_lake, contract()
    lake.send(table, HOUR, {"1.csv": csv("1,old,2026-11-20")})
    converted = one_batch.Converter.convert

    def closing(self: one_batch.Converter, task: one_batch.Task) -> one_batch.Result:
        result = converted(self, task)
        lake.put(lake.settings.processed.run_closed("slow"), b"{}")
        return result

    monkeypatch.setattr(one_batch.Converter, "convert", closing)
    with pytest.raises(ClosedClaimError):
        lake.run(table, claim="slow")
    assert lake.everything("t") == {}
    assert not lake.path(lake.settings.processed.run_outcome("slow")).exists()


def test_what_a_run_is_about_to_replace_stands_before_its_first_file(
    process_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, table = process_lake, contract()
    lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20")})
    notes: list[str] = []
    upload = FolderStore.upload

    def look(self: FolderStore, path: Path, url: str) -> None:
        notes.extend(found.url for found in self.listed(lake.settings.processed.replaced("d")))
        upload(self, path, url)

    monkeypatch.setattr(FolderStore, "upload", look)
    outcome = lake.run(table)
    assert notes == [f"{lake.settings.processed.replaced('d')}/{outcome.run}.json"]
    note = RunFolders.from_json(lake.store.read(notes[0]))
    assert note == RunFolders("d", outcome.run, ("t", "d_quarantine"), (HOUR.label,))


def test_only_the_partitions_that_the_predicate_selects_are_read(lake: Lake) -> None:
    table = contract()
    here, there = hours(2)
    wanted = lake.send(table, here, {"1.csv": csv("1,a,2026-11-20")})
    unwanted = lake.send(table, there, {"1.csv": csv("2,b,2026-11-20")})
    lake.partitions[unwanted] = here  # the dispatcher forgot it
    found = {batch.batch_id: batch.error for batch in lake.run(table, wanted, unwanted).batches}
    assert found[wanted] == ""
    assert "partition" in found[unwanted]
    assert lake.rows("t", "k", partition=there) == []


def test_a_newer_batch_replaces_its_partition_and_nothing_else(lake: Lake) -> None:
    table = contract(ratio=1)
    here, there = hours(2)
    older = lake.send(table, here, {"1.csv": csv("1,old,2026-11-20", "x,old,2026-11-20")})
    other = lake.send(table, there, {"1.csv": csv("5,other,2026-11-20", "x,other,2026-11-20")})
    lake.run(table, older, other)
    untouched = [path.read_bytes() for path in (*lake.files("t", there), *lake.files("d_quarantine", there))]
    newer = lake.send(table, here, {"2.csv": csv("2,new,2026-11-19")})
    lake.run(table, newer)
    assert lake.rows("t", "k", "v", "_batch_id", partition=here) == [(2, "new", newer)]
    assert lake.files("d_quarantine", here) == []
    assert [path.read_bytes() for path in (*lake.files("t", there), *lake.files("d_quarantine", there))] == untouched


def test_a_batch_that_becomes_empty_leaves_an_empty_partition(lake: Lake) -> None:
    table = contract()
    full = lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20")})
    lake.run(table, full)
    empty = lake.send(table, HOUR, {"1.csv": csv()})
    [outcome] = lake.run(table, empty).batches
    assert (outcome.error, outcome.published) == ("", {"t": ()})
    assert lake.files("t") == []
    [location] = lake.catalog.partitions["sluice_processed", "t"].values()
    assert location.startswith(f"{lake.settings.processed.runs('t', HOUR)}/run")


def test_of_two_batches_of_one_partition_the_newest_is_converted(lake: Lake) -> None:
    table = contract()
    older = lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20")})
    newer = lake.send(table, HOUR, {"2.csv": csv("2,b,2026-11-20")})
    first, second = lake.run(table).batches
    assert (first.batch_id, first.error) == (older, f"SupersededError: {newer} is a newer batch of the same partition")
    assert (second.batch_id, second.error) == (newer, "")
    assert lake.rows("t", "k") == [(2,)]


def test_every_bad_batch_fails_alone(lake: Lake) -> None:
    """Files that are gone or changed, partitions that the catalog lacks, too many bad records; the rest goes on."""
    table = contract()
    names = ("good", "gone", "longer", "rewritten", "unregistered", "elsewhere", "rotten", "nomanifest")
    ids = {
        name: lake.send(table, hour, {"1.csv": csv("1,a,2026-11-20", "2,b,2026-11-20")})
        for name, hour in zip(names, hours(8), strict=True)
    }
    place = dict(zip(names, hours(8), strict=True))
    url = {name: lake.raw_url(table, "1.csv", hour) for name, hour in place.items()}
    lake.path(url["gone"]).unlink()
    with lake.path(url["longer"]).open("a") as file:
        file.write("3,c,2026-11-20\n")
    stamp = lake.path(url["rewritten"]).stat().st_mtime + 5
    lake.path(url["rewritten"]).touch()

    os.utime(lake.path(url["rewritten"]), (stamp, stamp))
    registered = lake.catalog.partitions["sluice_raw", "d"]
    del registered[place["unregistered"].values]
    registered[place["elsewhere"].values] = "s3://sluice-raw/d/other/"
    ids["rotten"] = lake.send(table, place["rotten"], {"1.csv": csv("x,a,2026-11-20", "y,b,z", "3,c,2026-11-20")})
    lake.path(lake.sent[ids["nomanifest"]]).unlink()

    found = by_id(lake.run(table, *ids.values()).batches)
    assert {name: found[batch_id].error for name, batch_id in ids.items()} == {
        "good": "",
        "gone": f"InputChangedError: {url['gone']}: is gone since its manifest was validated",
        "longer": f"InputChangedError: {url['longer']}: has another ETag than when its manifest was validated",
        "rewritten": f"InputChangedError: {url['rewritten']}: was written again since its manifest was validated",
        "unregistered": f"UnregisteredPartitionError: partition {place['unregistered'].label} is not in the catalog",
        "elsewhere": f"UnregisteredPartitionError: partition {place['elsewhere'].label} is in "
        f"{url['elsewhere'].removesuffix('1.csv')} by its manifest and in s3://sluice-raw/d/other/ by the catalog",
        "rotten": "TooManyRejectedError: 2 of 3 records were quarantined, more than max_rejected_ratio 0.5 allows: "
        f"t.k: not an integer (2, as in {url['rotten']}); t.at: not a date (1, as in {url['rotten']})",
        "nomanifest": f"MissingObjectError: {lake.sent[ids['nomanifest']]}: there is no such object",
    }
    # What the catalog lacks is registered when the batch is started again.
    again = {name for name, batch_id in ids.items() if found[batch_id].is_transient}
    assert again == {"unregistered", "elsewhere"}
    assert [name for name, hour in place.items() if lake.files("t", hour)] == ["good"]
    assert [
        name for name, hour in place.items() if hour.values in lake.catalog.partitions["sluice_processed", "t"]
    ] == ["good"]
    # People can look at what was wrong with a batch that failed for its bad records.
    assert lake.rows("d_quarantine", "raw_text", partition=place["rotten"]) == [("x,a,2026-11-20",), ("y,b,z",)]
    assert [(file.records, file.rejected_records, file.tables) for file in found[ids["rotten"]].files] == [(3, 2, {})]
    assert found[ids["rotten"]].reasons == {"t.k: not an integer": 2, "t.at: not a date": 1}
    assert found[ids["rotten"]].published == {}


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_connection_that_breaks_is_no_fault_of_the_file(lake: Lake, compression: str) -> None:
    """The batch is tried again, whatever a parser or a decompressor makes of the end of its input."""
    table = contract()
    table = replace(table, source=replace(table.source, compression=compression))  # type: ignore[arg-type]
    body = csv(*(f"{number},a,2026-11-20" for number in range(50))).encode()
    content = body if compression == "none" else gzip.compress(body)
    ids = [lake.send(table, hour, {f"{n}.csv": content}) for n, hour in enumerate(hours(3))]
    breaks = {"1.csv": AwsBusyError("read s3://sluice-raw/x: reset"), "2.csv": ConnectionResetError("secret 4711")}
    lake.store = replace(lake.store, breaks=breaks)
    found = by_id(lake.run(table).batches)
    assert [(found[batch_id].error, found[batch_id].is_transient) for batch_id in ids] == [
        ("", False),
        ("AwsBusyError: read s3://sluice-raw/x: reset", True),
        ("ConnectionResetError: the conversion could not be finished; the run's log has the place", True),
    ]
    assert [bool(lake.files("t", hour)) for hour in hours(3)] == [True, False, False]
    assert [lake.files("d_quarantine", hour) for hour in hours(3)] == [[], [], []]


def parquet(rows: int, start: int = 0) -> bytes:
    body = BytesIO()
    numbers = pa.array(range(start, start + rows))
    columns = {"k": numbers, "v": pa.array([f"v{n}" for n in range(rows)]), "at": pa.array(["2026-11-20"] * rows)}
    pq.write_table(pa.table(columns), body, compression="none", use_dictionary=False)
    return body.getvalue()


def test_a_file_whose_pages_are_damaged_is_quarantined_and_the_others_go_on(lake: Lake) -> None:
    table = contract("parquet")
    whole = parquet(500)
    damaged = bytearray(parquet(500, 500))
    damaged[4:400] = b"\xff" * 396
    good = lake.send(table, hours(2)[0], {"1.parquet": whole})
    mixed = lake.send(
        table, hours(2)[1], {"1.parquet": whole, "2.parquet": bytes(damaged), "3.parquet": parquet(900, 1000)}
    )
    found = by_id(lake.run(table).batches)
    assert [found[good].error, found[mixed].error] == ["", ""]
    assert found[good].table_counts() == {"t": TableCounts(500, 0, 0, 500)}
    assert found[mixed].table_counts() == {"t": TableCounts(1401, 1, 0, 1400)}
    [reason] = found[mixed].reasons
    assert reason.startswith("file: its Parquet data are damaged or of a kind that cannot be read: ")
    assert lake.rows("d_quarantine", "kind", "reasons", partition=hours(2)[1]) == [("file", [reason])]


def test_a_cut_off_gzip_by_lines_is_quarantined_and_the_others_go_on(lake: Lake) -> None:
    table = parse_contract(
        {
            "dataset": "d",
            "source": {"format": "json", "layout": "d/%Y/%m/%d/%H", "compression": "gzip"},
            "max_rejected_ratio": 0.9,
            "tables": [{"name": "t", "load": "append", "columns": [{"name": "k", "type": "integer"}]}],
        },
        "d.yaml",
    )
    chance = random.Random(2)
    body = "".join(f'{{"k":{chance.getrandbits(30)}}}\n' for _ in range(3000)).encode()
    lake.send(table, hours(2)[0], {"1.json.gz": gzip.compress(b'{"k":1}\n')})
    lake.send(table, hours(2)[1], {"1.json.gz": gzip.compress(b'{"k":2}\n'), "2.json.gz": gzip.compress(body)[:-3000]})
    first, second = lake.run(table).batches
    assert (first.error, first.table_counts()) == ("", {"t": TableCounts(1, 0, 0, 1)})
    assert second.error.startswith("TooManyRejectedError: ")
    assert list(second.reasons) == ["file: its gzip data end too early"]
    assert lake.rows("t", partition=hours(2)[0]) == [(1,)]
    assert lake.files("t", hours(2)[1]) == []


def test_a_mistake_of_ours_fails_its_batch_alone_and_tells_no_value(
    process_lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lake, table = process_lake, contract()
    ids = [lake.send(table, hour, {"1.csv": csv(f"{n},a,2026-11-20")}) for n, hour in enumerate(hours(3))]
    finish = TableWriter.finish

    def fragile(self: TableWriter) -> WrittenTable:
        written = finish(self)
        if any(lake.raw_url(table, "1.csv", hours(2)[1]) in file.rows for file in written.files):
            raise KeyError("secret value 4711")
        return written

    monkeypatch.setattr(TableWriter, "finish", fragile)
    found = by_id(lake.run(table).batches)
    assert [found[batch_id].error for batch_id in ids] == [
        "",
        "KeyError: the conversion could not be finished; the run's log has the place",
        "",
    ]
    assert [bool(lake.files("t", hour)) for hour in hours(3)] == [True, False, True]
    assert "4711" not in caplog.text
    assert re.search(r"KeyError at one_batch\.py:\d+ > ", caplog.text)


def losing(monkeypatch: pytest.MonkeyPatch, *keys: int) -> None:
    """Table writers lose the rows of some keys."""
    add = TableWriter.add

    def lose(self: TableWriter, rows: pa.Table) -> None:
        add(self, rows.filter(pc.invert(pc.is_in(rows["k"], pa.array(keys, rows["k"].type)))))

    monkeypatch.setattr(TableWriter, "add", lose)


def test_lost_rows_fail_the_run_loudly_and_nothing_is_published(
    process_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, table = process_lake, contract()
    lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20", "2,a,2026-11-20", "3,a,2026-11-20")})
    losing(monkeypatch, 2)
    url = lake.raw_url(table, "1.csv")
    message = f"{url}: table t: 3 rows read, but 0 rejected, 0 duplicates and 2 published"
    with pytest.raises(AccountingError) as caught:
        lake.run(table, claim="lost")
    assert str(caught.value) == message
    assert lake.everything("t") == {}
    assert not lake.path(lake.settings.processed.run_outcome("lost")).exists()


def test_lost_rows_of_one_batch_fail_that_batch(process_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, table = process_lake, contract()
    ids = [lake.send(table, hour, {"1.csv": csv(f"{n},a,2026-11-20")}) for n, hour in enumerate(hours(2))]
    losing(monkeypatch, 1)
    found = by_id(lake.run(table).batches)
    assert found[ids[0]].error == ""
    assert found[ids[1]].error.startswith("AccountingError: ")
    assert [bool(lake.files("t", hour)) for hour in hours(2)] == [True, False]


def test_what_no_task_reported_is_not_published(spark_lake: Lake) -> None:
    """An object of a task that was given up lies in the run's folder when it is about to be shown."""
    table = contract()
    batch_id = spark_lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20")})
    context = spark_lake.context(table, "strays")
    stray = f"{spark_lake.settings.processed.partition('t', HOUR, 'strays')}/part-00009.00000.parquet"
    spark_lake.put(stray, b"left behind")
    spark_lake.put(
        spark_lake.settings.processed.run_input("c"),
        RunInput("c", "d", {batch_id: spark_lake.sent[batch_id]}).to_json().encode(),
    )
    outcome = convert(context, "c", spark_lake.predicate(batch_id))
    assert [batch.error for batch in outcome.batches] == [""]
    assert spark_lake.rows("t", "k") == [(1,)]
    assert not spark_lake.path(stray).exists()


def test_files_in_the_archive_and_beside_it_are_read(lake: Lake) -> None:
    table = contract()
    batch_id = lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20"), "2.csv": csv("2,b,2026-11-20")})
    manifest = FrozenManifest.from_json(lake.path(lake.sent[batch_id]).read_text())
    moved = [lake.put(archive_url(file.url), lake.path(file.url).read_bytes()) for file in manifest.files]
    for files in ((moved[0], manifest.files[1]), tuple(moved)):
        replayed = replace(manifest, files=files)
        lake.put(lake.sent[batch_id], replayed.to_json().encode())
        lake.catalog.register("sluice_raw", "d", {HOUR.values: raw_location(replayed)})
        [outcome] = lake.run(table, batch_id).batches
        assert (outcome.error, [file.url for file in outcome.files]) == ("", [file.url for file in files])
        assert lake.rows("t", "k", "v") == [(1, "a"), (2, "b")]
    # Where the catalog and the manifest do not agree, somebody is moving files: the batch is tried again.
    lake.catalog.register("sluice_raw", "d", {HOUR.values: raw_location(manifest)})
    [outcome] = lake.run(table, batch_id).batches
    assert (outcome.error.split(":")[0], outcome.is_transient) == ("UnregisteredPartitionError", True)
    assert lake.rows("t", "k", "v") == [(1, "a"), (2, "b")]


def test_what_cannot_be_switched_is_as_it_was(lake: Lake) -> None:
    table = contract(ratio=1)
    older = lake.send(table, HOUR, {"1.csv": csv("1,old,2026-11-20", "x,old,2026-11-20")})
    lake.run(table, older)
    before = lake.everything("t", "d_quarantine")
    newer = lake.send(table, HOUR, {"1.csv": csv("2,new,2026-11-20")})
    lake.catalog.refuses = "t"
    [outcome] = lake.run(table, newer).batches
    assert outcome.error == "AwsError: register partitions of sluice_processed.t: refused"
    assert lake.everything("t", "d_quarantine") == before


def test_every_row_of_dirty_data_is_accounted_for(lake: Lake) -> None:
    """Generated rows with all kinds of faults, against a count in plain Python."""
    chance = random.Random(7)
    table = contract(ratio=1)
    kinds = ("{k},v,2026-11-{d:02}", "{k},v", "{k},v,2026-11-{d:02},9", "x,v,2026-11-{d:02}", ',"v",2026-11-{d:02}',
             "{k},v,2026-13-01", '{k},"v\n{k},w",2026-11-{d:02}', '{k},"v"x,2026-11-{d:02}')  # fmt: skip
    files: dict[str, bytes | str] = {}
    expected: dict[str, tuple[int, int]] = {}
    newest: dict[int, tuple[int, str]] = {}
    for number in range(4):
        rows, good, bad = [], 0, 0
        for _ in range(60):
            kind = chance.choice(kinds)
            key, day = chance.randint(1, 25), chance.randint(1, 28)
            rows.append(kind.format(k=key, d=day))
            if kind in (kinds[0], kinds[6]):
                good += 1
                newest[key] = max(newest.get(key, (0, "")), (day, f"{number}.csv"))
            else:
                bad += 1
        files[f"{number}.csv"] = csv(*rows)
        expected[f"{number}.csv"] = (good + bad, bad)
    outcome = lake.run_one(table, files)
    assert {file.url.rpartition("/")[2]: (file.records, file.rejected_records) for file in outcome.files} == expected
    kept = Counter(name for _, name in newest.values())
    for file in outcome.files:
        name, counts = file.url.rpartition("/")[2], file.tables["t"]
        assert counts == TableCounts(
            expected[name][0], expected[name][1], expected[name][0] - expected[name][1] - kept[name], kept[name]
        )
    published = {(row[0], row[1].day, row[2].rpartition("/")[2]) for row in lake.rows("t", "k", "at", "_source_file")}
    assert published == {(key, day, name) for key, (day, name) in newest.items()}
    assert len(lake.rows("d_quarantine", "kind")) == sum(bad for _, bad in expected.values())


def test_ties_are_broken_the_same_way_whatever_the_order(lake: Lake) -> None:
    table = contract()
    rows = [f"1,{letter},2026-11-20" for letter in "abcdef"]
    winners = set()
    for seed in range(3):
        shuffled = random.Random(seed).sample(rows, len(rows))
        outcome = lake.run_one(table, {"1.csv": csv(*shuffled)})
        assert outcome.table_counts() == {"t": TableCounts(6, 0, 5, 1)}
        winners |= set(lake.rows("t", "v"))
    assert len(winners) == 1


def test_daily_partitions(lake: Lake) -> None:
    daily = parse_contract(
        {
            "dataset": "d",
            "source": {"format": "csv", "layout": "d/%Y%m%d"},
            "tables": [{"name": "t", "load": "append", "columns": [{"name": "k", "type": "integer"}]}],
        },
        "d.yaml",
    )
    day = Partition(datetime(2026, 11, 20, tzinfo=HOUR.start.tzinfo), is_hourly=False)
    outcome = lake.run_one(daily, {"1.csv": "k\n1\n1\n"}, day)
    assert outcome.table_counts() == {"t": TableCounts(2, 0, 0, 2)}
    assert lake.rows("t", partition=day) == [(1,), (1,)]
    folder = lake.path(lake.settings.processed.runs("t", day))
    assert folder == lake.folder / "sluice-processed/table-files/t/year=2026/month=11/day=20"
    assert lake.files("t", day)[0].parent.parent == folder


def test_published_files_say_with_which_columns_they_were_written_and_what_raw_files_lack(lake: Lake) -> None:
    columns = [
        {"name": "k", "type": "integer"},
        {"name": "v", "type": "varchar(40)", "may_be_absent": True},
        {"name": "at", "type": "date"},
    ]
    table = contract(columns=columns)

    outcome = lake.run_one(table, {"lacking.csv": "k,at\n1,2026-11-20\n", "having.csv": csv("2,,2026-11-20")})

    files = outcome.published["t"]
    assert {file.columns for file in files} == {
        ("k integer", "v varchar(40)", "at date", "_batch_id varchar(256)", "_source_file varchar(1093)")
    }
    absent = {url: names for file in files for url, names in file.absent.items()}
    assert absent == {lake.raw_url(table, "lacking.csv", HOUR): ("v",)}


@pytest.mark.parametrize("text", ["{", "[]", '{"batch_id": 1}', '{"schema": 99}'])
def test_a_frozen_manifest_that_cannot_be_read_fails_its_own_batch_alone(lake: Lake, text: str) -> None:
    table = contract()
    good, broken = (lake.send(table, hour, {"1.csv": csv("1,a,2026-11-20")}) for hour in hours(2))
    lake.put(lake.sent[broken], text.encode())
    outcomes = by_id(lake.run(table).batches)
    assert outcomes[good].error == ""
    assert lake.rows("t", "k") == [(1,)]
    assert outcomes[broken].error.startswith(f"UnreadableManifestError: {lake.sent[broken]}: ")
    assert (outcomes[broken].verdict, outcomes[broken].published) == ("final", {})
    assert lake.files("t", hours(2)[1]) == []

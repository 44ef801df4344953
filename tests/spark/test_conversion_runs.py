"""Runs of many batches: none shares another's fate, nothing is lost or doubled, and a repeat changes nothing."""

import gzip
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from glue_jobs.conversion.accounting import StagedTable
from glue_jobs.conversion.attempt import Converter
from glue_jobs.conversion.publish import Publisher
from glue_jobs.conversion.run import ClosedClaimError
from glue_jobs.conversion.session import SETTINGS
from glue_jobs.conversion.staging import Staging
from sluice.contract import Contract, parse_contract
from sluice.contract.shape import Shape
from sluice.errors import AccountingError, TerminalError
from sluice.handover import BatchOutcome, ClosedClaim, FrozenManifest, TableCounts
from sluice.kernel.parse.parsed import FileNotes
from sluice.kernel.parse.reader import text_reader
from sluice.layout import Partition, archive_url
from sluice.whereabouts import raw_location
from tests.spark.lake import HOUR, Lake, settings_of


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


def everything(lake: Lake, *tables: str) -> dict[str, list[tuple[object, ...]]]:
    """Content of all processed files by table and partition."""
    found: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    for table in tables:
        for path in sorted((lake.folder / "sluice-processed" / table).rglob("*.parquet")):
            rows = pq.ParquetFile(path).read().to_pylist()
            found[f"{table}/{path.parent.relative_to(lake.folder)}"] += [tuple(row.values()) for row in rows]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def test_forty_partitions_are_one_job_per_table_and_one_file_each(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[str] = []
    write = Staging._write

    def counting(self: Staging, *arguments: Any) -> None:
        writes.append(arguments[1])
        write(self, *arguments)

    monkeypatch.setattr(Staging, "_write", counting)
    table = contract()
    ids = {
        lake.send(
            table, hour, {f"{n}.csv": csv(*(f"{key},h{index},2026-11-20" for key in (3, 1, 2))) for n in (1, 2)}
        ): hour
        for index, hour in enumerate(hours(40))
    }
    outcome = lake.run(table)
    assert writes == ["t"]
    assert [batch.error for batch in outcome.batches] == [""] * 40
    assert sorted(by_id(outcome.batches)) == sorted(ids)
    for index, (batch_id, hour) in enumerate(ids.items()):
        [path] = lake.files("t", hour)
        content = pq.ParquetFile(path).read(["v", "k", "_source_file"]).to_pylist()
        # Of equal versions the one of the last file is kept.
        url = lake.raw_url(table, "2.csv", hour)
        assert content == [{"v": f"h{index}", "k": key, "_source_file": url} for key in (1, 2, 3)]
        assert (
            lake.catalog.partitions["sluice_processed", "t"][hour.values]
            == f"s3://sluice-processed/t/{hour.hive_path}/"
        )
        assert by_id(outcome.batches)[batch_id].table_counts() == {"t": TableCounts(6, 0, 3, 3)}


def test_large_output_is_split_by_size_and_each_file_is_sorted(lake: Lake) -> None:
    table = contract(load="append", primary_key=[], order_by=[])
    chance = random.Random(1)
    rows = [f"{number},{chance.getrandbits(120):x},2026-11-20" for number in range(6000)]
    files = {f"{part}.csv": csv(*rows[part::6]) for part in range(6)}
    settings = {
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": "20000",
        "spark.sql.files.maxPartitionBytes": "60000",
    }
    with settings_of(lake.spark, settings):
        outcome = lake.run_one(table, files)
    assert outcome.table_counts() == {"t": TableCounts(6000, 0, 0, 6000)}
    paths = lake.files("t")
    assert 3 <= len(paths) <= 12
    for path in paths:
        values = [str(value) for value in pq.ParquetFile(path).read(["v"])["v"].to_pylist()]
        assert values == sorted(values)
    assert [file.rows for file in outcome.published["t"]] == [
        pq.ParquetFile(path).metadata.num_rows for path in by_number(paths)
    ]


def by_number(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: int(path.stem.partition("-")[2]))


def test_raw_files_are_read_once(lake: Lake, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened files are counted where they are parsed, in Spark's workers."""
    opened = spark.sparkContext.accumulator(0)
    parser = text_reader

    def counting(contract: Contract, shape: Shape) -> Any:
        parse = parser(contract, shape)

        def count_and_parse(stream: BinaryIO, notes: FileNotes | None) -> Any:
            opened.add(1)
            return parse(stream, notes)

        return count_and_parse

    monkeypatch.setattr("glue_jobs.conversion.readers.text_reader", counting)
    outcome = lake.run_one(contract(), {f"{n}.csv": csv(f"{n},a,2026-11-20", f"x{n},a,2026-11-20") for n in range(5)})
    assert outcome.table_counts() == {"t": TableCounts(10, 5, 0, 5)}
    assert opened.value == 5


def test_a_run_twice_gives_the_same_content_in_new_files(lake: Lake) -> None:
    table = contract(ratio=1)
    lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20", "1,b,2026-11-21", "2,a,2026-11-20", "x,y,z")})
    first = lake.run(table).batches
    content, names = everything(lake, "t", "d_quarantine"), [path.name for path in lake.files("t")]
    second = lake.run(table).batches
    assert everything(lake, "t", "d_quarantine") == content
    assert content == {key: rows for key, rows in content.items() if rows}
    assert {path.name for path in lake.files("t")}.isdisjoint(names)
    assert len(lake.files("t")) == len(lake.files("d_quarantine")) == 1
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
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = contract()
    older = lake.send(table, HOUR, {"1.csv": csv("1,old,2026-11-20")})

    def die(*_: object) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as killed:
        killed.setattr(Publisher, "publish", die)
        with pytest.raises(SystemExit):
            lake.run(table, older, claim="first")
    lake.put(
        lake.settings.processed.run_closed("first"),
        ClosedClaim("first", "2026-11-20T14:30:00+00:00").to_json().encode(),
    )
    newer = lake.send(table, HOUR, {"2.csv": csv("2,new,2026-11-20")})
    lake.run(table, newer, claim="second")
    before = everything(lake, "t")
    with pytest.raises(ClosedClaimError, match=r"claim first is closed: s3://\S+/first/closed\.json exists"):
        lake.run(table, older, claim="first")
    assert everything(lake, "t") == before


def test_a_claim_that_is_closed_while_its_run_works_publishes_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = contract()
    lake.send(table, HOUR, {"1.csv": csv("1,old,2026-11-20")})
    converted = Converter.convert

    def closing(self: Converter, *arguments: Any) -> Any:
        staged = converted(self, *arguments)
        lake.put(lake.settings.processed.run_closed("slow"), b"{}")
        return staged

    monkeypatch.setattr(Converter, "convert", closing)
    with pytest.raises(ClosedClaimError):
        lake.run(table, claim="slow")
    assert everything(lake, "t") == {}
    assert not lake.path(lake.settings.processed.run_outcome("slow")).exists()


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


def test_files_come_out_at_the_documented_size() -> None:
    # Two to four times smaller than what is shuffled, so 128 to 256 MB at the least.
    assert SETTINGS["spark.sql.adaptive.advisoryPartitionSizeInBytes"] == str(512 * 1024 * 1024)


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
    empty = lake.send(table, HOUR, {"1.csv": ""})
    [outcome] = lake.run(table, empty).batches
    assert (outcome.error, outcome.published) == ("", {"t": ()})
    assert lake.files("t") == []
    assert lake.catalog.partitions["sluice_processed", "t"] == {
        HOUR.values: f"s3://sluice-processed/t/{HOUR.hive_path}/"
    }


def test_of_two_batches_of_one_partition_the_newest_is_converted(lake: Lake) -> None:
    table = contract()
    older = lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20")})
    newer = lake.send(table, HOUR, {"2.csv": csv("2,b,2026-11-20")})
    first, second = lake.run(table).batches
    assert (first.batch_id, first.error) == (older, f"SupersededError: {newer} is a newer batch of the same partition")
    assert (second.batch_id, second.error) == (newer, "")
    assert lake.rows("t", "k") == [(2,)]


def test_every_bad_batch_fails_alone(lake: Lake) -> None:
    """A file that is gone, one that changed, one that Spark sees nowhere, too many bad records; the rest goes on."""
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
    length = lake.path(url["good"]).stat().st_size
    assert {name: found[batch_id].error for name, batch_id in ids.items()} == {
        "good": "",
        "gone": f"InputChangedError: {url['gone']}: is gone since its manifest was validated",
        "longer": f"InputChangedError: {url['longer']}: has {length + 15} bytes, its manifest said {length}",
        "rewritten": f"InputChangedError: {url['rewritten']}: was written again since its manifest was validated",
        "unregistered": f"UnregisteredPartitionError: partition {place['unregistered'].label} is not in the catalog",
        "elsewhere": f"UnregisteredPartitionError: partition {place['elsewhere'].label} is in "
        f"{url['elsewhere'].removesuffix('1.csv')} by its manifest and in s3://sluice-raw/d/other/ by the catalog",
        "rotten": "TooManyRejectedError: 2 of 3 records were quarantined, more than max_rejected_ratio 0.5 allows: "
        f"t.k: not an integer (2, as in {url['rotten']}); t.at: not a date (1, as in {url['rotten']})",
        "nomanifest": f"MissingObjectError: {lake.sent[ids['nomanifest']]}: not found",
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


def test_a_file_that_changes_while_it_is_read_is_not_published(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    table = contract()
    ids = [lake.send(table, hour, {"1.csv": csv("1,a,2026-11-20")}) for hour in hours(2)]
    url = lake.raw_url(table, "1.csv", hours(2)[1])
    read_back = Staging.read_back

    def meanwhile(self: Staging, name: str) -> dict[str, StagedTable]:
        lake.path(url).write_text(csv("9,changed,2026-11-20"))
        return read_back(self, name)

    monkeypatch.setattr(Staging, "read_back", meanwhile)
    good, changed = (by_id(lake.run(table).batches)[batch_id] for batch_id in ids)
    assert good.error == ""
    assert changed.error.startswith(f"InputChangedError: {url}: has ")
    assert [bool(lake.files("t", hour)) for hour in hours(2)] == [True, False]


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
    assert reason.startswith("file: not readable (")
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
    assert list(second.reasons) == ["file: not readable (EOFException)"]
    assert lake.rows("t", partition=hours(2)[0]) == [(1,)]
    assert lake.files("t", hours(2)[1]) == []


def test_when_the_joint_job_cannot_be_saved_each_batch_goes_alone(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.errors import PySparkRuntimeError

    table = contract()
    ids = [lake.send(table, hour, {"1.csv": csv("1,a,2026-11-20")}) for hour in hours(3)]
    convert = Converter.convert
    sizes = []

    def fragile(self: Converter, batches: Any, *rest: Any) -> Any:
        batches = tuple(batches)
        sizes.append(len(batches))
        if ids[1] in {batch.batch_id for batch in batches}:
            raise PySparkRuntimeError("secret value 4711")
        return convert(self, batches, *rest)

    monkeypatch.setattr(Converter, "convert", fragile)
    found = by_id(lake.run(table).batches)
    assert sizes == [3, 1, 1, 1]
    assert [found[batch_id].error for batch_id in ids] == [
        "",
        "PySparkRuntimeError: Spark could not finish the conversion (PySparkRuntimeError)",
        "",
    ]
    assert [bool(lake.files("t", hour)) for hour in hours(3)] == [True, False, True]


def test_lost_rows_fail_the_run_loudly_and_nothing_is_published(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    table = contract()
    lake.send(table, HOUR, {"1.csv": csv("1,a,2026-11-20", "2,a,2026-11-20", "3,a,2026-11-20")})
    write = Staging._write
    monkeypatch.setattr(Staging, "_write", lambda self, rows, *rest: write(self, rows.where("k != 2"), *rest))
    url = lake.raw_url(table, "1.csv")
    message = f"{url}: table t: 3 rows read, but 0 rejected, 0 duplicates and 2 published"
    with pytest.raises(AccountingError) as caught:
        lake.run(table)
    assert str(caught.value) == message
    assert everything(lake, "t") == {}
    assert not lake.path(lake.settings.processed.run_outcome("claim-1")).exists()
    assert not (lake.folder / "sluice-processed" / "_staging").exists() or not any(
        (lake.folder / "sluice-processed" / "_staging").iterdir()
    )


def test_lost_rows_of_one_batch_fail_that_batch(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    table = contract()
    ids = [lake.send(table, hour, {"1.csv": csv(f"{n},a,2026-11-20")}) for n, hour in enumerate(hours(2))]
    write = Staging._write
    monkeypatch.setattr(Staging, "_write", lambda self, rows, *rest: write(self, rows.where("k != 1"), *rest))
    found = by_id(lake.run(table).batches)
    assert found[ids[0]].error == ""
    assert found[ids[1]].error.startswith("AccountingError: ")
    assert [bool(lake.files("t", hour)) for hour in hours(2)] == [True, False]


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


def test_what_cannot_be_registered_is_taken_back(lake: Lake) -> None:
    table = contract(ratio=1)
    older = lake.send(table, HOUR, {"1.csv": csv("1,old,2026-11-20", "x,old,2026-11-20")})
    lake.run(table, older)
    before = everything(lake, "t", "d_quarantine")
    newer = lake.send(table, HOUR, {"1.csv": csv("2,new,2026-11-20")})
    lake.catalog.refuses = "t"
    [outcome] = lake.run(table, newer).batches
    assert outcome.error == "AwsError: register partitions of sluice_processed.t: refused"
    assert everything(lake, "t", "d_quarantine") == before


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
    assert lake.files("t", day)[0].parent == lake.folder / "sluice-processed/t/year=2026/month=11/day=20"


@pytest.mark.parametrize(
    "texts",
    [["Connection reset", "Connection reset"], ["could not read page", "Connection reset"], ["could not read page"]],
)
def test_a_healthy_file_is_in_the_batch_or_the_batch_is_not_published(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, texts: list[str]
) -> None:
    """Whatever the reading of a file alone ends with, its rows are there, unless two reads find it damaged."""
    from pyspark.errors import PySparkRuntimeError

    from glue_jobs.conversion import attempt
    from sluice.failures import Sign, Verdict, spark_verdict

    table = contract()
    batch_id = lake.send(table, hours(1)[0], {"1.csv": csv("1,a,2026-11-20"), "2.csv": csv("2,b,2026-11-20")})
    convert = Converter.convert
    failures = [PySparkRuntimeError("the joint job failed")]

    def once_broken(self: Converter, *arguments: object) -> object:
        if failures:
            raise failures.pop()
        return convert(self, *arguments)  # type: ignore[arg-type]

    left = list(texts)

    def own_fault(self: Converter, item: object) -> str | None:
        cause = Sign("IOException", left.pop(0)) if left else None
        return "IOException" if cause and spark_verdict([cause]) is Verdict.FILE else None

    monkeypatch.setattr(Converter, "convert", once_broken)
    monkeypatch.setattr(attempt.Converter, "_own_fault", own_fault)
    found = by_id(lake.run(table).batches)[batch_id]
    assert found.error == ""
    assert found.table_counts() == {"t": TableCounts(2, 0, 0, 2)}

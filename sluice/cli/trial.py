"""`sluice try`: a contract on files of this machine, by the code that converts them in a job, without any cloud."""

import io
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, cast

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from glue_jobs.conversion.one_batch import Converter, Result, Task
from glue_jobs.conversion.ports import ObjectsPort
from sluice.cli.options import GlobalOptions
from sluice.cli.paths import data_files
from sluice.cli.quarantined import visible
from sluice.cli.session import Session
from sluice.contract import Contract, Table
from sluice.contract.places import rule_lines
from sluice.errors import CommandError, SluiceError
from sluice.lake.handover import SourceFile
from sluice.settings import Settings
from sluice.terminal import out, print_json, print_table, say, say_error, table_of
from sluice.warehouse.batches import list_batches
from sluice.warehouse.merge import merge
from sluice.warehouse.staging import Staging
from sluice.warehouse.target import Target, create_target

pc: Any = pyarrow.compute
_BATCH = "trial.2026010100.0"
_RUN = "000000000000"
_SAMPLES = 5
_POLL_SECONDS = 0.5
_COLUMNS = ("column", "type", "null", "values", "from")
_COUNTS = ("table", "read", "rejected", "duplicates", "published")


@dataclass(frozen=True, slots=True)
class TriedColumn:
    """What a column became.

    Attributes:
        column: Its name.
        type: Its type in the warehouse.
        source: Where its value stands in a record.
        null: Rows in which it is null.
        smallest: The smallest value as text; empty where there is none.
        largest: The largest value.
    """

    column: str
    type: str
    source: str
    null: int
    smallest: str
    largest: str


@dataclass(frozen=True, slots=True)
class TriedTable:
    """What a table became.

    Attributes:
        table: Its name.
        read: Rows that the files hold.
        rejected: Those in quarantined records.
        duplicates: Those left out for a newer one.
        published: The rest.
        columns: Its columns.
    """

    table: str
    read: int
    rejected: int
    duplicates: int
    published: int
    columns: tuple[TriedColumn, ...]


@dataclass(frozen=True, slots=True)
class TriedRecord:
    """A record that would be quarantined.

    Attributes:
        file: The file.
        reasons: Why.
        raw_text: The record as it stands there; None where it cannot be told.
    """

    file: str
    reasons: tuple[str, ...]
    raw_text: str | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a contract makes of some files.

    Attributes:
        dataset: The dataset.
        records: Records in the files.
        rejected: Those that would be quarantined.
        failure: Why nothing would be published; empty when it would be.
        tables: The tables.
        reasons: Quarantined records by reason, the most frequent first.
        quarantined: The first of them.
    """

    dataset: str
    records: int
    rejected: int
    failure: str
    tables: tuple[TriedTable, ...]
    reasons: Mapping[str, int]
    quarantined: tuple[TriedRecord, ...]


class LocalObjects:
    """Files of this machine where a conversion has objects."""

    def open(self, file: SourceFile) -> io.RawIOBase:
        """The content of a file."""
        return io.FileIO(file.url)

    def upload(self, path: Path, url: str) -> None:
        """Keep a file that was written."""
        Path(url).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, url)


def attempt(contract: Contract, files: Sequence[Path], folder: Path, samples: int = _SAMPLES) -> Trial:
    """Convert files by a contract.

    Args:
        contract: The contract.
        files: Raw files of one partition.
        folder: Where the Parquet files go, each table's in a folder of its own.
        samples: Most quarantined records to give.
    """
    sources = tuple(map(_source, files))
    names = [*(table.name for table in contract.tables), contract.quarantine_table]
    folders = {name: str(folder / name) for name in names}
    with TemporaryDirectory(prefix="sluice-try-") as scratch:
        converter = Converter(contract, cast("ObjectsPort", LocalObjects()), datetime.now(UTC), Path(scratch))
        result = converter.convert(Task(_BATCH, sources, folders))
    reasons = sum((tally.reasons for tally in result.tallies.values()), Counter[str]())
    return Trial(
        contract.dataset,
        sum(tally.records for tally in result.tallies.values()),
        sum(tally.rejected for tally in result.tallies.values()),
        "" if result.failure is None else result.failure.error,
        tuple(_tried(table, result, folder) for table in contract.tables),
        dict(reasons.most_common()),
        tuple(_quarantined(folder / contract.quarantine_table, samples)),
    )


def _source(path: Path) -> SourceFile:
    facts = path.stat()
    return SourceFile(str(path), facts.st_size, int(facts.st_mtime), "")


def _tried(table: Table, result: Result, folder: Path) -> TriedTable:
    read = sum(tally.read_rows[table.name] for tally in result.tallies.values())
    rejected = sum(tally.rejected_rows[table.name] for tally in result.tallies.values())
    written = result.tables.get(table.name)
    if written is None:
        return TriedTable(table.name, read, rejected, 0, 0, ())
    rows = _rows(folder / table.name)
    published = 0 if rows is None else rows.num_rows
    columns = tuple(_columns(table, rows)) if rows is not None else ()
    return TriedTable(table.name, read, rejected, written.duplicates.total(), published, columns)


def _rows(folder: Path) -> pa.Table | None:
    paths = sorted(folder.glob("*.parquet"))
    return pa.concat_tables([pq.ParquetFile(path).read() for path in paths]) if paths else None


def _columns(table: Table, rows: pa.Table) -> Iterator[TriedColumn]:
    for column in table.columns:
        values = rows[column.name]
        bounds = pc.min_max(values).as_py() if values.null_count < len(values) else {"min": None, "max": None}
        smallest, largest = (_shown(bounds[name]) for name in ("min", "max"))
        yield TriedColumn(column.name, column.sql_type.redshift, column.path, values.null_count, smallest, largest)


def _shown(value: object) -> str:
    if value is None:
        return ""
    text = value.replace(tzinfo=None).isoformat() if isinstance(value, datetime) else str(value)
    return visible(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…") or ""


_LONGEST = 19


def _quarantined(folder: Path, samples: int) -> Iterator[TriedRecord]:
    rows = _rows(folder)
    if rows is None:
        return
    for row in rows.slice(0, samples).to_pylist():
        yield TriedRecord(str(row["source_file"]), tuple(row["reasons"]), row["raw_text"])


def statements(contract: Contract, schema: str) -> Iterator[tuple[str, str]]:
    """What the warehouse would be asked: each statement after what it is for.

    Args:
        contract: The contract.
        schema: Schema of the tables.
    """
    for table in contract.tables:
        target = Target(contract.dataset, schema, table)
        yield from ((f"{table.name}: table", sql) for sql in create_target(target))
        batches = list_batches([f"{contract.dataset}.2026010100.{0:032X}"], table.load)
        yield from ((f"{table.name}: load", sql) for sql in merge(Staging(target, _RUN), batches, "trial"))


def render_trial(trial: Trial, lines: Sequence[str] = ()) -> RenderableType:
    """A trial as people get it.

    Args:
        trial: The trial.
        lines: Lines of the contract that records broke.
    """
    parts: list[RenderableType] = [_verdict(trial)]
    counts = [(one.table, one.read, one.rejected, one.duplicates, one.published) for one in trial.tables]
    parts += [Text(), table_of(_COUNTS, counts, numbers=_COUNTS[1:])]
    for table in trial.tables:
        if table.columns:
            parts += [Text(), Text(table.table, "bold"), _render_columns(table.columns)]
    if trial.reasons:
        rows_of_reasons = [(count, reason) for reason, count in trial.reasons.items()]
        parts += [Text(), Text("would be quarantined", "bold")]
        parts.append(table_of(("records", "reason"), rows_of_reasons, numbers=("records",)))
        parts += [Text(line, "cyan") for line in lines]
    for record in trial.quarantined:
        parts += [Text(), Text(f"{record.file}: {'; '.join(record.reasons)}")]
        if record.raw_text is not None:
            parts.append(Padding(Text(visible(record.raw_text) or "", "dim"), (0, 0, 0, 2)))
    return Group(*parts)


def _render_columns(columns: Sequence[TriedColumn]) -> RenderableType:
    """Columns with their bounds; where they come from only where some have another name there."""
    names = _COLUMNS if any(one.source != one.column for one in columns) else _COLUMNS[:-1]
    rows = [
        (one.column, one.type, one.null, _between(one), one.source if one.source != one.column else "")
        for one in columns
    ]
    return table_of(names, [row[: len(names)] for row in rows], numbers=("null",))


def _between(column: TriedColumn) -> str:
    return column.smallest if column.smallest == column.largest else f"{column.smallest} .. {column.largest}"


def _verdict(trial: Trial) -> Text:
    if trial.failure:
        return Text.assemble((f"{trial.dataset}: nothing would be published. ", "bold red"), trial.failure)
    good = trial.records - trial.rejected
    style = "bold yellow" if trial.rejected else "bold green"
    return Text(f"{trial.dataset}: {good} of {trial.records} records are good", style)


def run(  # noqa: PLR0913 - each is an option of the command line
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The dataset.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(help="Its raw files, or folders of them, as one partition.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Write the Parquet files of each table, and of the quarantine, into this folder.", show_default=False
        ),
    ] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print what the warehouse would be asked as well.")] = False,
    samples: Annotated[int, typer.Option(min=0, help="Most quarantined records to show.")] = _SAMPLES,
    watch: Annotated[
        bool, typer.Option("--watch", help="Try again whenever the contract or a file changes, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Try a contract on files of this machine: what each column becomes, what would be quarantined.

    The code is that of the conversion job; no cloud and no Java are needed. Ends with status 1 when the contract would
    have nothing of the files published.
    """
    options = context.ensure_object(GlobalOptions)

    def once() -> bool:
        session = Session(options)
        contract = session.contract(dataset)
        with _folder(output, contract) as folder:
            trial = attempt(contract, data_files(files), folder, samples)
        lines = rule_lines(session.options.contracts_folder / f"{dataset}.yaml", trial.reasons)
        _print(trial, contract, session.settings, lines, with_sql=sql, as_json=as_json)
        if output is not None:
            say(f"Parquet files are in {output}")
        return not trial.failure

    if watch:
        contract_file = options.contracts_folder / f"{dataset}.yaml"
        _watch(once, lambda: _moments([contract_file, *files]))
    elif not once():
        raise typer.Exit(1)


@contextmanager
def _folder(output: Path | None, contract: Contract) -> Iterator[Path]:
    """The folder that was asked for, without what an earlier trial left there; else one that goes.

    Raises:
        CommandError: It has other files.
    """
    if output is None:
        with TemporaryDirectory(prefix="sluice-try-") as name:
            yield Path(name)
        return
    names = {*(table.name for table in contract.tables), contract.quarantine_table}
    there = [path for path in output.rglob("*") if not path.is_dir()]
    for path in there:
        if path.parent.name not in names or path.parent.parent != output or not path.match("part-*.parquet"):
            raise CommandError(f"{output}: has files that no trial wrote ({path.name}); name another folder")
    for path in there:
        path.unlink()
    output.mkdir(parents=True, exist_ok=True)
    yield output


def _print(
    trial: Trial, contract: Contract, settings: Settings, lines: Sequence[str], *, with_sql: bool, as_json: bool
) -> None:
    asked = list(statements(contract, settings.warehouse_schema)) if with_sql else []
    if as_json:
        print_json(asdict(trial) | ({"statements": [sql for _, sql in asked]} if with_sql else {}))
        return
    print_table(render_trial(trial, lines))
    for title, statement in asked:
        out().print(f"\n-- {title}\n{statement};", markup=False, soft_wrap=True)


def _moments(paths: Sequence[Path]) -> list[tuple[str, int]]:
    """When each file was last changed."""
    found = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sorted((str(file), file.stat().st_mtime_ns) for file in found if file.is_file())


def _watch(once: Callable[[], bool], moments: Callable[[], list[tuple[str, int]]]) -> None:
    seen: list[tuple[str, int]] | None = None
    try:
        while True:
            now = moments()
            if now != seen:
                seen = now
                if sys.stdout.isatty():
                    out().clear()
                try:
                    once()
                except SluiceError as exc:
                    say_error(str(exc))
                say("waiting for a change; Ctrl-C ends")
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        say("stopped")

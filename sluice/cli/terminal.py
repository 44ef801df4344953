"""What goes to the terminal: results to standard output, everything else to standard error."""

import json
import os
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sluice.batch import BatchState

_WIDTH_OF_FILES: Final = 200
_WIDEST: Final = 1_000_000
STATE_STYLES: Final = {
    BatchState.WAITING: "yellow",
    BatchState.LOADED: "green",
    BatchState.ARCHIVED: "green",
    BatchState.REJECTED: "red",
    BatchState.FAILED: "bold red",
    BatchState.SUPERSEDED: "dim",
}


def out() -> Console:
    """Standard output; made anew each time, because tests and pipes exchange the stream."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error, for notes and progress."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        # A file or a pipe has no width; tables folded for 80 columns are hard to read and to search there.
        console.width = _WIDTH_OF_FILES
    return console


def say(message: str) -> None:
    """A note beside the result."""
    err().print(message, markup=False, soft_wrap=True)


def say_error(message: str) -> None:
    """Why nothing came of it."""
    err().print(Text.assemble(("sluice: ", "bold red"), message), soft_wrap=True)


def state_text(state: BatchState) -> Text:
    """A batch's state in its colour."""
    return Text(str(state), STATE_STYLES.get(state, "yellow"))


def progress_of(total: int, console: Console, description: str = "") -> Progress:
    """Progress of one task, shown while the object is entered.

    Args:
        total: Steps of the task.
        console: Where it is shown.
        description: What is done at first.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True)
    progress.add_task(description, total=total)
    return progress


def table_of(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Iterable[str] = ()) -> Table:
    """A table of plain values; no value is taken for markup.

    Args:
        columns: Headings.
        rows: One value per heading; None is shown as null.
        numbers: Headings of columns that stand right.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    right = set(numbers)
    for name in columns:
        table.add_column(Text(name), justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(value if isinstance(value, Text) else _cell(value) for value in row))
    return table


def print_table(table: RenderableType) -> None:
    """A table on standard output; in a file or a pipe each row is one line, however long."""
    console = out()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = max(
            console.width, Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
        )
    console.print(table)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool) -> None:
    """A query's result: a table, or one JSON array of objects."""
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    if columns:
        numbers = [name for index, name in enumerate(columns) if any(_is_number(row[index]) for row in rows)]
        print_table(table_of(columns, rows, numbers=numbers))
    else:  # no query: there are no rows to count
        say("done")
        return
    say(f"{len(rows)} row{'' if len(rows) == 1 else 's'}")


def print_json(document: object) -> None:
    """A machine's answer, on standard output without colours or line breaks of the terminal's width."""
    out().print(json.dumps(document, indent=1, ensure_ascii=False, default=_json), markup=False, soft_wrap=True)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: object) -> Text:
    if value is None:
        return Text("null", "dim")
    return Text(str(value).lower() if isinstance(value, bool) else str(value))


def _json(value: Any) -> str:  # noqa: ANN401 - whatever json does not know
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)

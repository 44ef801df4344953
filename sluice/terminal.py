"""What goes to the terminal: results to standard output, everything else to standard error."""

import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from sluice.ledger.batch import BatchState

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
    """Standard output; made again each time, because tests and pipes exchange the stream."""
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


class LoggedProgress(Progress):
    """Progress that also a log shows, where there is no terminal to draw in: a line now and then when something moves.

    Args:
        console: Where it is shown.
        clock: Seconds that only grow.
    """

    def __init__(self, *columns: ProgressColumn, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(*columns, console=console, transient=True)
        self._clock, self._told_at, self._told = clock, clock(), ""

    def refresh(self) -> None:
        """Draw; in a log, a line when the last one is long enough ago and says something else."""
        if self.console.is_terminal:
            super().refresh()
            return
        text = "; ".join(f"{one.description} ({one.completed:.0f} of {one.total or 0:.0f})" for one in self.tasks)
        if text != self._told and self._clock() - self._told_at >= _SECONDS_BETWEEN_LINES:
            self._told, self._told_at = text, self._clock()
            self.console.print(Text(text), soft_wrap=True)

    def update(self, task_id: TaskID, **changes: Any) -> None:  # noqa: ANN401 - as in rich
        """Change a task."""
        super().update(task_id, **changes)
        if not self.console.is_terminal:
            self.refresh()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Take a task some steps on."""
        super().advance(task_id, advance)
        if not self.console.is_terminal:
            self.refresh()


_SECONDS_BETWEEN_LINES: Final = 10.0


def progress_of(total: int, console: Console, description: str = "") -> Progress:
    """Progress of one task, shown while the object is entered.

    Args:
        total: Steps of the task.
        console: Where it is shown.
        description: What is done at first.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = LoggedProgress(*columns, console=console)
    progress.add_task(description, total=total)
    return progress


class Sheet:
    r"""Rows of plain values, laid out as the width allows; no value is taken for markup.

    As a table where it fits. Else the column that is the note of its row stands on a line of its own below it; else the
    widest columns are folded between words; else each row stands upright, a value a line, as psql's ``\x`` does it.
    No heading and no word is broken as long as one way is left.
    """

    def __init__(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[str] = (), note: str = ""
    ) -> None:
        self.columns = tuple(columns)
        self.rows = [[value if isinstance(value, Text) else _cell(value) for value in row] for row in rows]
        self._numbers = frozenset(numbers)
        self._note = note

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as the table is."""
        return Measurement.get(console, options, self._table())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The first layout that fits."""
        widths = [max(map(_width, column)) for column in zip(map(Text, self.columns), *self.rows, strict=True)]
        available = options.max_width - _GAP * (len(self.columns) - 1)
        if sum(widths) <= available:
            yield self._table()
        elif self._note and sum(widths) - self._width_of_note(widths) - _GAP <= available:
            yield from self._with_notes(options.max_width)
        else:
            folded = self._foldable(widths, available)
            yield self._table(folded) if folded else self._upright(options.max_width)

    def _width_of_note(self, widths: Sequence[int]) -> int:
        return widths[self.columns.index(self._note)]

    def _table(self, folded: Collection[int] = ()) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for index, name in enumerate(self.columns):
            justify: JustifyMethod = "right" if name in self._numbers else "left"
            table.add_column(Text(name), justify=justify, overflow="fold", no_wrap=bool(folded) and index not in folded)
        for row in self.rows:
            table.add_row(*row)
        return table

    def _with_notes(self, width: int) -> RenderResult:
        place = self.columns.index(self._note)
        kept = [index for index in range(len(self.columns)) if index != place]
        body = Sheet(
            [self.columns[index] for index in kept],
            [[row[index] for index in kept] for row in self.rows],
            self._numbers,
        )
        lines = body.lines(width)
        yield next(lines)
        for row in self.rows:
            yield next(lines)
            if row[place].plain:
                yield Padding(row[place], (0, 0, 0, 2))

    def lines(self, width: int) -> Iterator[Text]:
        """The table as one text for its headings and one for each row.

        Args:
            width: Cut there.
        """
        head = [Text(name, "bold") for name in self.columns]
        widths = [max(map(_width, column)) for column in zip(head, *self.rows, strict=True)]
        for row in (head, *self.rows):
            cells = [self._aligned(index, text, widths[index]) for index, text in enumerate(row)]
            line = Text(" " * _GAP).join(cells)
            line.rstrip()
            line.truncate(width)
            yield line

    def _aligned(self, index: int, text: Text, width: int) -> Text:
        cell = text.copy()
        cell.align("right" if self.columns[index] in self._numbers else "left", width)
        return cell

    def _foldable(self, widths: Sequence[int], available: int) -> list[int]:
        """The fewest columns, the widest first, that can be folded without breaking a word; none if there are none."""
        by_width = sorted(range(len(widths)), key=lambda index: -widths[index])
        for count in range(1, min(_MOST_FOLDED, len(widths)) + 1):
            folded = by_width[:count]
            each = (available - sum(widths[index] for index in by_width[count:])) // count
            longest = max(
                _longest_word(text) for row in (map(Text, self.columns), *self.rows) for text in _of(row, folded)
            )
            if each >= max(_LEAST_FOLDED, longest):
                return folded
        return []

    def _upright(self, width: int) -> RenderableType:
        parts: list[RenderableType] = []
        for number, row in enumerate(self.rows, start=1):
            title = f"-[ {number} ]"
            parts.append(Text(title.ljust(min(width, _RULE), "-"), "dim"))
            grid = Table(box=None, show_header=False, pad_edge=False)
            grid.add_column(style="bold", no_wrap=True)
            grid.add_column(overflow="fold")
            for name, text in zip(self.columns, row, strict=True):
                if text.plain:
                    grid.add_row(Text(name), text)
            parts.append(grid)
        return Group(*parts)


_GAP: Final = 2
_MOST_FOLDED: Final = 2
_LEAST_FOLDED: Final = 24
_RULE: Final = 40


def _of(row: Iterable[Text], places: Iterable[int]) -> list[Text]:
    cells = list(row)
    return [cells[place] for place in places]


def _width(text: Text) -> int:
    return max((cell_len(line) for line in text.plain.splitlines()), default=0)


def _longest_word(text: Text) -> int:
    return max(map(cell_len, text.plain.split()), default=0)


def table_of(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Iterable[str] = (), note: str = ""
) -> Sheet:
    """Rows of plain values as the width allows; no value is taken for markup.

    Args:
        columns: Headings.
        rows: One value per heading; None is shown as null.
        numbers: Headings of columns that stand right.
        note: Heading of the column that stands below its row where the width is not enough.
    """
    return Sheet(columns, rows, numbers, note)


def print_table(table: RenderableType) -> None:
    """A table on standard output; in a file or a pipe each row is one line, however long."""
    console = out()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = max(
            console.width, Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
        )
    console.print(table)


def short_time(text: str, now: datetime) -> str:
    """A moment of the ledger as people read it beside others: the hour of today, else its day as well, in UTC.

    Args:
        text: ISO 8601 in UTC.
        now: The present moment in UTC.
    """
    today = f"{now:%Y-%m-%d}"
    if text[:10] == today:
        return text[11:16]
    return text[5:16].replace("T", " ") if text[:4] == today[:4] else text[:16].replace("T", " ")


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

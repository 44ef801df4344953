"""The frame of `make prove`: named proofs, what each of their cases found, and one table of all of them.

A proof is a generator that does one case after the other and yields what it found. The frame times each case, looks
at the memory of every process below this one meanwhile, and takes an exception for a case that went wrong.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Final, Self

import psutil
from rich.console import Console
from rich.table import Table

_LOOK_SECONDS: Final = 0.2
_MOST_PROBLEMS: Final = 20
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class ProofOptions:
    """What all proofs are told.

    Attributes:
        folder: Where state and reports go; each proof has a folder of its own in it.
        seeds: Of what is drawn at random; a proof does one case or more for each.
        times: How often a proof that counts does its work: histories, kills; None for the proof's own number.
        rows: Source records in each hour of each dataset, where the demo is run.
        rate: Share of what goes wrong on a bad day.
        timeout_seconds: How long one case may take.
        is_documented: Whether pages of the documentation that show results are written again.
    """

    folder: Path
    seeds: tuple[int, ...] = (1, 2, 3, 4)
    times: int | None = None
    rows: int = 300
    rate: float = 0.05
    timeout_seconds: float = 3600.0
    is_documented: bool = False

    def within(self, name: str) -> Self:
        """The same options with a folder for one proof."""
        return replace(self, folder=self.folder / name)


@dataclass(frozen=True, slots=True)
class Found:
    """What one case of a proof found.

    Attributes:
        what: The case.
        times: How often it was tried: what went wrong, histories, kills, manifests.
        lost: Rows, batches or notices that are missing.
        doubled: Those that are there too often.
        wrong: Everything else that is not as it must be.
        problems: The first of them, for people.
        seconds: How long the case took; the frame fills it in.
        peak_bytes: Most resident memory of one process, by what the process is; the frame fills it in.
    """

    what: str
    times: int = 1
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    peak_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost, doubled or wrong."""
        return not (self.lost or self.doubled or self.wrong)


@dataclass(frozen=True, slots=True)
class Proof:
    """One named proof.

    Attributes:
        name: What ``--only`` calls it.
        what: What it shows, in one line.
        place: ``module:function``, a function of `ProofOptions` that yields a `Found` for each case. It is imported
            when it is run: a proof may lie beside the tests, whose doubles the product does not know.
    """

    name: str
    what: str
    place: str

    def cases(self, options: ProofOptions) -> Iterator[Found]:
        """Run the proof, each case timed and its memory looked at; an exception ends it as a case that is wrong."""
        module, _, function = self.place.partition(":")
        cases: Iterator[Found] | None = None
        while True:
            began = time.monotonic()
            with Memory() as memory:
                try:
                    if cases is None:
                        run: Callable[[ProofOptions], Iterable[Found]] = getattr(import_module(module), function)
                        cases = iter(run(options.within(self.name)))
                    found, is_last = next(cases), False
                except StopIteration:
                    return
                except Exception as exc:  # noqa: BLE001 - a proof that breaks must not hide the others
                    found, is_last = Found(self.name, wrong=1, problems=(f"{type(exc).__name__}: {exc}",)), True
            yield replace(found, seconds=time.monotonic() - began, peak_bytes=memory.peaks)
            if is_last:
                return


class Memory:
    """Looks at the resident memory of this process and all below it, five times a second.

    Attributes:
        peaks: The most that one process of a kind had, by kind.
    """

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        root = psutil.Process()
        while True:
            for process in (root, *root.children(recursive=True)):
                self._look(process)
            if self._done.wait(_LOOK_SECONDS):
                return

    def _look(self, process: psutil.Process) -> None:
        try:
            kind, size = kind_of(process.cmdline()), process.memory_info().rss
        except psutil.Error:
            return  # It has just ended.
        if kind:
            self.peaks[kind] = max(size, self.peaks.get(kind, 0))


def kind_of(command: Sequence[str]) -> str:
    """What a process is, for people: its module, its script, or its program; empty for one that has just ended.

    Args:
        command: Its command line.
    """
    if not command or not command[0]:
        return ""
    program = Path(command[0].split()[0].rstrip(":")).name
    if not program.startswith("python"):
        return program
    for position, argument in enumerate(command[1:], start=1):
        if argument == "-m":
            return ".".join(command[position + 1 : position + 2]) or program
        if argument == "-c":
            return program
        if not argument.startswith("-"):
            return Path(argument).stem
    return program


def prove_all(proofs: Iterable[Proof], options: ProofOptions, console: Console) -> bool:
    """Run proofs, and print one table of what they found.

    Args:
        proofs: The proofs.
        options: What they are told.
        console: Where the table goes.

    Returns:
        Whether nothing was lost, doubled or wrong in any of them.

    Side Effects:
        Writes ``proofs.json`` into the folder after each case, so that one that is ended keeps what it has.
    """
    found: list[tuple[Proof, Found]] = []
    for proof in proofs:
        for case in proof.cases(options):
            found.append((proof, case))
            _write(found, options.folder / "proofs.json")
            console.print(f"{proof.name}: {case.what}: {_verdict(case)}", markup=False, soft_wrap=True)
            for problem in case.problems[:_MOST_PROBLEMS]:
                console.print(f"  {problem}", markup=False, soft_wrap=True)
    console.print(table(found))
    return bool(found) and all(case.is_good for _, case in found)


def table(found: Iterable[tuple[Proof, Found]]) -> Table:
    """What was found, one case a line."""
    view = Table(title="Proofs", title_justify="left", title_style="bold", box=None, pad_edge=False)
    view.add_column("proof")
    view.add_column("what", overflow="fold")
    for name in ("times", "lost", "doubled", "wrong", "seconds"):
        view.add_column(name, justify="right")
    view.add_column("peak memory of each process (MiB)", overflow="fold")
    for proof, case in found:
        counts = (case.times, case.lost, case.doubled, case.wrong)
        view.add_row(proof.name, case.what, *map(str, counts), f"{case.seconds:.0f}", _peaks(case.peak_bytes))
    return view


def _peaks(peaks: Mapping[str, int]) -> str:
    largest = sorted(peaks.items(), key=lambda item: -item[1])
    return ", ".join(f"{kind} {size // _MIB}" for kind, size in largest if size >= _MIB)


def _verdict(case: Found) -> str:
    if case.is_good:
        return f"good, {case.seconds:.0f} s"
    return f"{case.lost} lost, {case.doubled} doubled, {case.wrong} wrong, {case.seconds:.0f} s"


def _write(found: Iterable[tuple[Proof, Found]], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"proof": proof.name, **asdict(case)} for proof, case in found]
    path.write_text(json.dumps(lines, indent=2), encoding="utf-8")

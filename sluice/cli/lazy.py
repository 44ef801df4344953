"""A group whose commands are imported when they run: `sluice --help` reads a list, not boto3 and pyarrow."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that is imported when it is asked for.

    Attributes:
        name: Its name on the command line.
        summary: What the list of commands says: the first sentence of its own help.
        example: Epilog of its help; empty for a group, whose commands have their own.
        place: Module and function, as ``local.up``; empty when both have the command's name.
    """

    name: str
    summary: str
    example: str = ""
    place: str = ""

    @property
    def module(self) -> str:
        """The module that defines it, as a function or, for a group, as ``app``."""
        return f"sluice.cli.{self.place.partition('.')[0] or self.name}"

    @property
    def function(self) -> str:
        """The function in it."""
        return self.place.partition(".")[2] or self.name

    def load(self) -> Any:  # noqa: ANN401 - typer hides its command classes
        """The command itself."""
        module = import_module(self.module)
        group = getattr(module, "app", None)
        if group is not None:
            return _named(typer.main.get_command(group), self.name)
        single = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False, add_completion=False)
        single.command(self.name, epilog=f"Example: {self.example}")(getattr(module, self.function))
        return typer.main.get_command(single)


def _named(command: Any, name: str) -> Any:  # noqa: ANN401
    command.name = name
    return command


class LazyGroup(TyperGroup):
    """The commands of `entries`; what only lists or suggests them sees their names and summaries."""

    entries: tuple[Entry, ...] = ()

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - what typer gives
        super().__init__(**options)
        self.commands.update({entry.name: TyperCommand(entry.name, help=entry.summary) for entry in self.entries})
        self._waiting = {entry.name: entry for entry in self.entries}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """The command that runs, imported now."""
        self._load(args[0])
        return super().resolve_command(ctx, args)

    def loaded(self) -> Iterator[tuple[str, Any]]:
        """Every command with its name, all imported."""
        for entry in self.entries:
            self._load(entry.name)
            yield entry.name, self.commands[entry.name]

    def _load(self, name: str) -> None:
        entry = self._waiting.pop(name, None)
        if entry is not None:
            self.commands[name] = entry.load()

"""A project of somebody who uses Sluice: what its ``sluice.toml`` says, and the folders of its own.

A folder with such a file is a project. Its aggregates and analysis queries take the place of those that Sluice has for
the datasets that it comes with.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Self

from sluice.errors import TerminalError

PROJECT_FILE: Final = "sluice.toml"
_FIELDS: Final = ("name", "region", "folders")
_FOLDERS: Final = ("contracts", "aggregates", "queries")


class ProjectError(TerminalError):
    """A ``sluice.toml`` breaks a rule; the message names the field."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project.

    Attributes:
        name: Its name.
        region: AWS region where the environment names none; empty for none.
        contracts: Folder of its contracts.
        aggregates: Folder of its aggregates.
        queries: Folder of its analysis queries.
    """

    name: str
    region: str
    contracts: Path
    aggregates: Path
    queries: Path

    @classmethod
    def find(cls, folder: Path) -> Self | None:
        """The project of a folder; None when it is none.

        Raises:
            ProjectError: Its ``sluice.toml`` breaks a rule.
        """
        path = folder / PROJECT_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as exc:
            raise ProjectError(f"{path}: cannot be read: {exc}") from exc
        try:
            return cls._of(tomllib.loads(text), folder)
        except tomllib.TOMLDecodeError as exc:
            raise ProjectError(f"{path}: not valid TOML: {exc}") from exc
        except ValueError as exc:
            raise ProjectError(f"{path}: {exc}") from exc

    @classmethod
    def _of(cls, said: Mapping[str, Any], folder: Path) -> Self:
        _expect_known(said, _FIELDS, "")
        folders = said.get("folders", {})
        if not isinstance(folders, dict):
            raise ValueError("folders: must be a table")  # noqa: TRY004 - one kind of error for all fields
        _expect_known(folders, _FOLDERS, "folders.")
        places = {name: folder / _text(folders, name, name, "folders.") for name in _FOLDERS}
        return cls(_text(said, "name", ""), _text(said, "region", "", optional=True), **places)


def _expect_known(said: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in said:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{where}{name}: unknown field (known: {', '.join(known)}){hint}")


def _text(said: Mapping[str, Any], name: str, default: str, where: str = "", *, optional: bool = False) -> str:
    value = said.get(name, default)
    if not isinstance(value, str) or not (value or optional):
        raise ValueError(
            f"{where}{name}: must be text, not {value!r}" if name in said else f"{where}{name}: is missing"
        )
    return value

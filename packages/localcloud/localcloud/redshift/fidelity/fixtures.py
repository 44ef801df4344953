"""The statements of a folder of SQL files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from localcloud.errors import CloudError
from localcloud.redshift.dialect.lexer import split
from localcloud.redshift.errors import SqlError


class NoFixturesError(CloudError):
    """The folder has no SQL files; the message says where they come from."""


@dataclass(frozen=True)
class Fixture:
    """One file and its statements, in order."""

    name: str
    statements: tuple[str, ...]


def read_fixtures(folder: Path) -> tuple[Fixture, ...]:
    """Read the files ``*.sql`` of a folder, sorted by name.

    Raises:
        NoFixturesError: there are none.
    """
    files = sorted(folder.glob("*.sql"))
    if not files:
        raise NoFixturesError(
            f"{folder} has no .sql files; for sqlfluff's: git clone --depth 1 https://github.com/sqlfluff/sqlfluff,"
            " then --fixtures sqlfluff/test/fixtures/dialects/redshift"
        )
    return tuple(Fixture(file.name, statements(file.read_text(encoding="utf-8"))) for file in files)


def statements(text: str) -> tuple[str, ...]:
    """Cut a script into statements; a text that the stand-in cannot cut is one."""
    try:
        return split(text)
    except SqlError:
        return (text.strip(),)

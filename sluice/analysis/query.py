"""The queries, as they lie in ``queries/*.sql``: a title, the question that they answer, and one statement.

A statement keeps to what Athena, Spectrum and Redshift understand in the same way: no WITH of its own, explicit casts
where the three would give other types, and an order that leaves nothing to chance. Tables stand as ``{{name}}``.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from sluice.errors import TerminalError
from sluice.warehouse.fixed import places


class UnknownQueryError(TerminalError):
    """No query has that name; the message lists those that there are."""


@dataclass(frozen=True, slots=True)
class Query:
    """One analysis query.

    Attributes:
        name: What it is called by.
        title: What it is, in a few words.
        question: The question that it answers.
        sql: The statement, with tables as ``{{name}}``.
    """

    name: str
    title: str
    question: str
    sql: str

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that it reads, sorted."""
        return tuple(sorted(places(self.sql)))

    @classmethod
    def parse(cls, name: str, text: str) -> "Query":
        """Read a file: the title and the question in comments at its top, then the statement.

        Raises:
            ValueError: It has no title, no question or no statement.
        """
        lines = text.strip().splitlines()
        head = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
        sql = "\n".join(line for line in lines if not line.startswith("--")).strip()
        if len(head) < 2 or not sql:
            raise ValueError(f"{name}.sql: a query has a title, a question and a statement")
        return cls(name, head[0], " ".join(head[1:]), sql)


_FOLDERS: list[Path] = []


def use_folder(folder: Path | None) -> None:
    """Take the queries from a folder instead of those that this copy of Sluice carries.

    Args:
        folder: The folder; None for those that it carries.

    Side Effects:
        Holds for the whole process.
    """
    _FOLDERS[:] = [] if folder is None else [folder]
    queries.cache_clear()


@cache
def queries() -> tuple[Query, ...]:
    """All queries, ordered by their names."""
    folder = _FOLDERS[0] if _FOLDERS else resources.files("sluice.analysis").joinpath("queries")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Query.parse(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in files)


def query_of(name: str) -> Query:
    """The query of that name.

    Raises:
        UnknownQueryError: There is none.
    """
    for query in queries():
        if query.name == name:
            return query
    raise UnknownQueryError(f"there is no query {name!r} (known: {', '.join(query.name for query in queries())})")

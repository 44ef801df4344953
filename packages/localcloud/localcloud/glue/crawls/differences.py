"""Columns of files beside those of the catalog, and what the crawler's policy makes of them.

Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from localcloud.glue.crawls.found import Classified
from localcloud.glue.crawls.kinds import Columns, Kind, merged, normal, render

CatalogColumn = Mapping[str, str]
_TEXTS = ("csv", "json", "xml")
_SHORT_TEXTS = ("varchar(", "char(")


@dataclass(frozen=True, slots=True)
class Difference:
    """A column that files and catalog do not agree on.

    Attributes:
        column: its name.
        found: its type in files; None when no file has it.
        expected: its type in the catalog; None when it has none.
        example: a file that has it so; empty when no file has it.
    """

    column: str
    found: str | None
    expected: str | None
    example: str = ""

    def __str__(self) -> str:
        """What people read."""
        if self.found is None:
            return f"column {self.column} ({self.expected}) is in no file"
        if self.expected is None:
            return f"column {self.column} ({self.found}) is not in the catalog; file {self.example}"
        return f"column {self.column} is {self.found}, in the catalog {self.expected}; file {self.example}"


def differences(
    catalog: Sequence[CatalogColumn], files: Iterable[Classified], keys: Iterable[str] = ()
) -> list[Difference]:
    """Compare files with the catalog; each kind of difference comes once, with the first file that shows it.

    A catalog column of a text type fits whatever a text file holds, and a string of Parquet, whatever its length.
    Columns of files that do not name them are compared by their place. AWS documents neither.

    Args:
        catalog: columns of the table or partition.
        files: of it, of one form.
        keys: partition keys; columns of their names are not compared.
    """
    expected = {column["Name"].lower(): normal(column.get("Type", "string")) for column in catalog}
    looked = list(files)
    found: dict[tuple[str, str], Difference] = {}
    seen: set[str] = set()
    for file in looked:
        for name, kind in named(file, list(expected)).items():
            seen.add(name)
            if name not in keys and not _fits(kind, expected.get(name), file):
                shown = render(kind)
                found.setdefault((name, shown), Difference(name, shown, expected.get(name), file.file.url))
    missing = [Difference(name, None, kind) for name, kind in expected.items() if looked and name not in seen]
    return [*found.values(), *missing]


def updated_columns(
    catalog: Sequence[CatalogColumn], files: Sequence[Classified], keys: Iterable[str], *, only_adds: bool
) -> list[dict[str, str]]:
    """Give the columns that a table has after an update: those of the files, comments kept where the type is.

    Args:
        catalog: its columns.
        files: of one form.
        keys: partition keys, which are no columns of files.
        only_adds: MergeNewColumns: nothing is removed or changed, columns come at the end.
    """
    known = {column["Name"].lower(): dict(column) for column in catalog}
    columns = merged(named(file, list(known)) for file in files)
    kinds = {name: kind for name, kind in columns.items() if name not in keys}
    fresh = {name: _updated(name, kind, known.get(name), files) for name, kind in kinds.items()}
    if only_adds:
        return [*known.values(), *(column for name, column in fresh.items() if name not in known)]
    return [*(fresh[name] for name in known if name in fresh), *(fresh[name] for name in fresh if name not in known)]


def named(file: Classified, names: Sequence[str]) -> Columns:
    """Columns of a file, by the catalog's names where the file has none of its own."""
    if file.form.has_names:
        return file.columns
    return {
        names[place] if place < len(names) else name: kind for place, (name, kind) in enumerate(file.columns.items())
    }


def _updated(name: str, kind: Kind, known: CatalogColumn | None, files: Sequence[Classified]) -> dict[str, str]:
    if known is not None and _fits(kind, normal(known.get("Type", "string")), files[0]):
        return dict(known)
    return {"Name": name, "Type": render(kind)}


def _fits(kind: Kind, expected: str | None, file: Classified) -> bool:
    if expected is None:
        return False
    is_text = file.form.classification in _TEXTS
    if expected == "string" or expected.startswith(_SHORT_TEXTS):
        return is_text or render(kind) == "string"
    return render(kind) == expected or kind == "null"

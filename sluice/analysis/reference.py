"""``docs/queries.md``: the analysis queries, for people.

The page is written by ``python -m sluice.analysis.reference``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sluice.analysis.query import Query, queries

REFERENCE_FILE: Final = Path("docs/queries.md")
_MARK: Final = "<!-- What follows is made by `python -m sluice.analysis.reference`. -->\n"


def with_reference(page: str) -> str:
    """A page whose part after the mark is all queries.

    Raises:
        ValueError: The page has no mark.
    """
    prose, mark, _ = page.partition(_MARK)
    if not mark:
        raise ValueError(f"the page has no line {_MARK!r}")
    return prose + mark + "".join(_sections())


def _sections() -> Iterator[str]:
    yield "\n| query | answers |\n| --- | --- |\n"
    for query in queries():
        yield f"| [`{query.name}`](#{_anchor(query.title)}) | {query.question} |\n"
    for query in queries():
        yield _section(query)


def _section(query: Query) -> str:
    return f"\n## {query.title}\n\n`{query.name}`. {query.question}\n\n```sql\n{query.sql};\n```\n"


def _anchor(title: str) -> str:
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")


if __name__ == "__main__":
    REFERENCE_FILE.write_text(with_reference(REFERENCE_FILE.read_text(encoding="utf-8")), encoding="utf-8")

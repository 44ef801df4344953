"""Fixed SQL, kept in ``.sql`` files: one statement per block, and each block has a name."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_BLOCK = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@cache
def fixed_sql(file: str) -> dict[str, str]:
    """The statements of a file by name, without comments and without semicolons.

    Args:
        file: Name of the file in ``sluice/warehouse/sql``, without its suffix.
    """
    text = resources.files("sluice.warehouse").joinpath("sql", f"{file}.sql").read_text(encoding="utf-8")
    return blocks(text)[1]


def blocks(text: str) -> tuple[str, dict[str, str]]:
    """Take a ``.sql`` file apart.

    Returns:
        What stands before the first block; and the statements by name, without comments and without semicolons.

    Raises:
        ValueError: Two blocks have the same name.
    """
    head, *parts = _BLOCK.split(text)
    found = {name: _statement(body) for name, body in zip(parts[::2], parts[1::2], strict=True)}
    if len(found) < len(parts) // 2:
        raise ValueError("two blocks have the same name")
    return head, found


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with every ``{{name}}`` in it replaced.

    Args:
        text: The text.
        values: What takes the place of each name. Names that the text does not have are left over.

    Raises:
        ValueError: The text has a name that there is no value for.
    """
    unknown = sorted(places(text) - values.keys())
    if unknown:
        raise ValueError(f"{{{{{unknown[0]}}}}} is unknown (known: {', '.join(sorted(values))})")
    return _PLACE.sub(lambda match: values[match[1]], text)


def places(text: str) -> frozenset[str]:
    """The names that stand as ``{{name}}`` in a text."""
    return frozenset(_PLACE.findall(text))


def _statement(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")

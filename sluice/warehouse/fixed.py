"""Fixed SQL, kept in ``.sql`` files: one statement per block, and each block has a name."""

import re
from functools import cache
from importlib import resources

_BLOCK = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def fixed_sql(file: str) -> dict[str, str]:
    """The statements of a file by name, without comments and without semicolons.

    Args:
        file: Name of the file in ``sluice/warehouse/sql``, without its suffix.
    """
    text = resources.files("sluice.warehouse").joinpath("sql", f"{file}.sql").read_text(encoding="utf-8")
    _, *parts = _BLOCK.split(text)
    return {name: _statement(body) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _statement(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")

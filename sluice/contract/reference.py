"""The reference of all contract fields as Markdown, made from the dataclasses that define them.

Written by ``python -m sluice.contract.reference``.
"""

import re
from dataclasses import MISSING, Field, fields
from inspect import cleandoc
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from sluice.contract import model

REFERENCE_FILE: Final = Path("docs/contracts.md")
_MARK: Final = "<!-- What follows is made by `python -m sluice.contract.reference`. -->\n"
_SECTIONS = (
    (model.Contract, "A contract"),
    (model.CsvSource, "`source` with `format: csv`"),
    (model.JsonSource, "`source` with `format: json`"),
    (model.XmlSource, "`source` with `format: xml`"),
    (model.ParquetSource, "`source` with `format: parquet`"),
    (model.Table, "`tables`"),
    (model.Column, "`columns` of a table"),
    (model.RedshiftHints, "`redshift` of a table"),
)
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n        .*)*)", re.MULTILINE)
_PLAIN = {str: "text", bool: "true/false", float: "number", int: "number"}


def described(value: type) -> dict[str, str]:
    """What the docstring of a contract value says of each field, on one line each."""
    found = _ATTRIBUTE.findall(cleandoc(value.__doc__ or ""))
    return {name: " ".join(text.split()) for name, text in found}


def with_reference(page: str) -> str:
    """A page whose part after the mark is the reference of all fields, the same for the same code.

    Raises:
        ValueError: The page has no mark.
    """
    prose, mark, _ = page.partition(_MARK)
    if not mark:
        raise ValueError(f"the page has no line {_MARK!r}")
    sections = "\n".join(_section(value, title) for value, title in _SECTIONS)
    return f"{prose}{mark}\n{sections}".replace("``", "`")


def _section(value: type, title: str) -> str:
    words = described(value)
    summary = cleandoc(value.__doc__ or "").split("\n\nAttributes:")[0]
    rows = [
        f"| `{item.name}` | {_kind(item.type)} | {_default(item)} | {words[item.name]} |"
        for item in fields(value)
        if item.name != "format" or value is model.Column
    ]
    head = ["| field | value | default | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([f"## {title}", "", summary, "", *head, *rows, ""])


def _kind(kind: Any) -> str:  # noqa: ANN401 - a type expression
    origin, arguments = get_origin(kind), get_args(kind)
    if kind == model.Scalar or kind == model.Scalar | None:
        return "text or number"
    if kind == model.Source:
        return "mapping, see below"
    if origin is Literal:
        return ", ".join(f"`{argument}`" for argument in arguments)
    if origin in (Union, UnionType):
        return _kind(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    return _PLAIN.get(kind, "mapping, see below")


def _default(item: "Field[Any]") -> str:
    if item.default_factory is not MISSING:
        return "all defaults"
    if item.default is MISSING:
        return "**needed**"
    if item.default is None:
        return ""
    if isinstance(item.default, tuple):
        return "`[" + ", ".join(f'"{part}"' for part in item.default) + "]`"
    return f"`{str(item.default).lower() if isinstance(item.default, bool) else item.default}`"


if __name__ == "__main__":
    REFERENCE_FILE.write_text(with_reference(REFERENCE_FILE.read_text(encoding="utf-8")), encoding="utf-8")

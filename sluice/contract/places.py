"""Where in its file a contract says something, for people who have to change it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import yaml

_RULE: Final = re.compile(r"([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*): ")


def column_lines(path: Path) -> dict[tuple[str, str], int]:
    """Line of each column's name, by table and column; empty when the file cannot be read as a contract."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return {
        (_text(_value(table, "name")), _text(name)): name.start_mark.line + 1
        for table in _items(_value(root, "tables"))
        for column in _items(_value(table, "columns"))
        if (name := _value(column, "name")) is not None
    }


def rule_lines(path: Path, reasons: Iterable[str]) -> list[str]:
    """The lines of a contract that records broke, each as ``file:line: table.column``.

    Args:
        path: File of the contract.
        reasons: Reasons of quarantined records, or a text that has some.
    """
    lines = column_lines(path)
    named = dict.fromkeys(place for reason in reasons for place in _RULE.findall(f"{reason} "))
    return [f"{path}:{lines[place]}: {'.'.join(place)}" for place in named if place in lines]


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if _text(name) == key), None)


def _items(node: yaml.Node | None) -> Iterator[yaml.Node]:
    return iter(node.value if isinstance(node, yaml.SequenceNode) else ())


def _text(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""

"""A parsed JSON value to a record: takes what the contract's shape names, all leaves as text."""

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sluice.contract.shape import TEXT_OF_ELEMENT, Group, Items, Leaf, Node
from sluice.kernel.parse.parsed import MalformedRecordError

Extract = Callable[[Any], Any]


class Number(str):
    """The digits of a number, where a number and a text with the same digits must be told apart."""

    __slots__ = ()


_Value = TypeVar("_Value")


def spelt(found: dict[str, _Value], names: Iterable[str]) -> dict[str, _Value]:
    """Members under the contract's names, where a record writes them in another case.

    Args:
        found: The members of an object.
        names: The names that the contract reads.

    Raises:
        MalformedRecordError: A record writes a name in two other ways, and in neither exactly.
    """
    missing = {name.casefold(): name for name in names if name not in found}
    renamed: dict[str, _Value] = {}
    for key, value in found.items() if missing else ():
        name = missing.get(key.casefold())
        if name is None:
            continue
        if name in renamed:
            raise MalformedRecordError(f"record: {name} stands twice, in different case")
        renamed[name] = value
    return found | renamed if renamed else found


def as_objects(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """An array of single values as one of objects that have a text, as elements of XML have; others as they are."""
    if not isinstance(value, list):
        return value
    return [item if isinstance(item, dict | list) else {TEXT_OF_ELEMENT: item} for item in value]


def respelt(node: Node, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A value with the contract's names throughout, where a record writes them in another case.

    Raises:
        MalformedRecordError: A record writes a name in two ways.
    """
    if isinstance(node, Items) and isinstance(value, list):
        return [respelt(node.element, item) for item in value]
    if not isinstance(node, Group) or not isinstance(value, dict):
        return value
    members = spelt(value, node.members)
    return members | {name: respelt(child, members[name]) for name, child in node.members.items() if name in members}


def extractor(shape: Group) -> Extract:
    """A function from a parsed object to the tuple of the shape's members.

    A member that is missing is null. Where the shape has an object, an array or a single value and the record has
    another of these, the function raises `MalformedRecordError`.
    """
    return _group(shape, "")


def _of(node: Node, path: str) -> Extract:
    if isinstance(node, Leaf):
        return _json(path) if node.is_json else _leaf(path)
    return _items(node, path) if isinstance(node, Items) else _group(node, path)


def _leaf(path: str) -> Extract:
    def take(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        if value is None or isinstance(value, str):
            return value
        if value is True or value is False:
            return "true" if value else "false"
        raise MalformedRecordError(f"record: {path} is not a single value")

    return take


def _json(path: str) -> Extract:
    def take(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        if value is None:
            return None
        try:
            return json_text(value)
        except RecursionError:
            raise MalformedRecordError(f"record: {path} is nested too deep") from None

    return take


def json_text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A value as JSON without blanks; numbers, which are `Number`, with the digits of the source."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(json_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_quoted(name)}:{json_text(item)}' for name, item in value.items())}}}"
    return _quoted(value) if isinstance(value, str) else _WORDS[value]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_WORDS = {None: "null", True: "true", False: "false"}


def _group(node: Group, path: str) -> Extract:
    members = [(name, _of(child, f"{path}.{name}" if path else name)) for name, child in node.members.items()]
    refusal = f"record: {path} is not an object" if path else "record: not a JSON object"

    def take(value: Any) -> tuple[Any, ...] | None:  # noqa: ANN401
        if isinstance(value, dict):
            return tuple([extract(value.get(name)) for name, extract in members])
        if value is None and path:
            return None
        raise MalformedRecordError(refusal)

    return take


def _items(node: Items, path: str) -> Extract:
    element = _group(node.element, path)
    is_of_values = TEXT_OF_ELEMENT in node.element.members
    refusal = f"record: {path} is not an array of {'single values' if is_of_values else 'objects'}"

    def take(value: Any) -> list[Any] | None:  # noqa: ANN401
        if value is None:
            return None
        items = as_objects(value) if is_of_values else value
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise MalformedRecordError(refusal)
        return [element(item) for item in items]

    return take

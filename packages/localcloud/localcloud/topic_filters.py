"""Filter policies on message bodies: MiniStack does not look into arrays of objects, SNS does.

So the policy ``{"Records": {"s3": {"object": {"key": [{"prefix": "orders/"}]}}}}`` matches S3's event, whose
``Records`` is an array. Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering-scope.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


class BodyLookup:
    """Finds the values of a property in a message body; of an array every element counts, the objects in it too."""

    def __init__(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """Look into objects.

        Args:
            objects: The body, or all objects at one path of it.
        """
        self._objects = objects

    def __call__(self, key: str) -> tuple[bool, list[Any], bool]:
        """Whether the property is there, its values, and whether anything is there at all."""
        found = [item[key] for item in self._objects if item.get(key) is not None]
        return bool(found), list(_elements(found)), any(self._objects)

    def child(self, key: str) -> "BodyLookup | None":
        """Look into the objects at a property; None when there are none."""
        values = _elements(item.get(key) for item in self._objects)
        nested = [value for value in values if isinstance(value, dict)]
        return BodyLookup(nested) if nested else None


def into_arrays(_: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], BodyLookup]:
    """What MiniStack looks a body's properties up with, in place of its own function."""
    return lambda body: BodyLookup([body])


def _elements(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        yield from value if isinstance(value, list) else [value]

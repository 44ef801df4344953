"""JSON as crawlers see it: one object a line, or one array of objects.

Source: https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html
"""

import json

from localcloud.glue.crawls.kinds import NULL, Array, Kind, Struct, merged, widest

_MAX_INT = 2**31


def read_json(text: str, *, is_whole: bool) -> dict[str, Kind] | None:
    """Give the columns of a text of JSON; None when it is not JSON.

    Args:
        text: the file's beginning.
        is_whole: whether it is the whole file; where it is not, a value that is cut off at the end is left out.
    """
    records: list[object] = []
    place, decoder = 0, json.JSONDecoder()
    body = text.strip()
    if body.startswith("["):
        body = body[1:].removesuffix("]") if is_whole else body[1:]
    while place < len(body):
        try:
            value, place = decoder.raw_decode(body, place)
        except ValueError:
            if is_whole or not records:
                return None
            break
        records.append(value)
        while place < len(body) and body[place] in " \t\r\n,":
            place += 1
    objects = [record for record in records if isinstance(record, dict)]
    if not objects or len(objects) < len(records):
        return None
    return merged({name.lower(): kind_of(value) for name, value in record.items()} for record in objects)


def kind_of(value: object) -> Kind:
    """The type of a value of JSON."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "int" if -_MAX_INT <= value < _MAX_INT else "bigint"
    if isinstance(value, float):
        return "double"
    if isinstance(value, dict):
        return Struct(tuple((name.lower(), kind_of(field)) for name, field in value.items()))
    if isinstance(value, list):
        element: Kind = NULL
        for item in value:
            element = widest(element, kind_of(item))
        return Array(element)
    return "string"

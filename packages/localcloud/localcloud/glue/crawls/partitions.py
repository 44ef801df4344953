"""Partition keys and values, as folders tell them.

Source: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-partitions.html
"""

from collections.abc import Sequence

Folders = tuple[str, ...]


def folders_below(folder: str, root: str) -> Folders:
    """Names of the folders between a root and a folder below it."""
    return tuple(part for part in folder.removeprefix(root).split("/") if part)


def keys_of(all_folders: Sequence[Folders]) -> tuple[str, ...]:
    """Give the names of the partition keys for folders of one depth: those of Hive's style, ``partition_0`` elsewhere.

    Where the folders of a level do not all have the same key, it is a plain level. A key that comes twice in a path is
    plain the second time, for a table cannot have two columns of one name; AWS documents neither.
    """
    keys: list[str] = []
    for level, names in enumerate(zip(*all_folders, strict=True)):
        found = {_key(name) for name in names}
        key = found.pop() if len(found) == 1 else None
        keys.append(key if key is not None and key not in keys else f"partition_{level}")
    return tuple(keys)


def values_of(keys: Sequence[str], folders: Folders) -> tuple[str, ...] | None:
    """Give the values of a partition; None where the folders do not fit the keys.

    Folders deeper than the keys belong to the partition above them. A value is the text after ``=`` as it stands, or
    the whole name of a plain folder.
    """
    if len(folders) < len(keys):
        return None
    values = []
    for key, name in zip(keys, folders, strict=False):
        found = _key(name)
        if found == key.lower():
            values.append(name.partition("=")[2])
        elif found is None or key.startswith("partition_"):
            values.append(name)
        else:
            return None
    return tuple(values)


def _key(folder: str) -> str | None:
    key, equals, value = folder.partition("=")
    return key.lower() if equals and key and value else None

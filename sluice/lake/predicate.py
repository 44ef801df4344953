"""The predicate by which a Glue run asks the Data Catalog for its partitions.

The catalog takes at most 2048 characters and filters fastest on ``AND`` of the first keys
(https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-partitions.html,
https://docs.aws.amazon.com/glue/latest/dg/partition-indexes.html). A predicate here always covers the partitions that
it was made for. It names exactly those while that fits; beyond, it widens to whole days, months, years, and at last to
everything between the first and the last year. The run takes from the answer only what its manifests name.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sluice.lake.layout import Partition

MAX_PREDICATE_CHARACTERS = 2048


def partition_predicate(partitions: Iterable[Partition], max_characters: int = MAX_PREDICATE_CHARACTERS) -> str:
    """A catalog expression that every given partition satisfies.

    Args:
        partitions: Partitions of one dataset, at least one.
        max_characters: Longest allowed expression.

    Returns:
        For one hour ``year='2026' and month='11' and day='20' and hour='13'``.

    Raises:
        ValueError: No partition was given.
    """
    wanted = sorted(set(partitions))
    if not wanted:
        raise ValueError("a predicate needs at least one partition")
    keys = wanted[0].keys
    for depth in range(len(keys), 0, -1):
        paths = sorted({partition.values[:depth] for partition in wanted})
        expression = _expression(keys[:depth], paths)
        if len(expression) <= max_characters:
            return expression
    return f"year between '{wanted[0].values[0]}' and '{wanted[-1].values[0]}'"


def _expression(keys: tuple[str, ...], paths: list[tuple[str, ...]]) -> str:
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in paths:
        groups[path[:-1]].append(path[-1])
    terms = [_term(dict(zip(keys, parents, strict=False)), keys[-1], values) for parents, values in groups.items()]
    return terms[0] if len(terms) == 1 else " or ".join(f"({term})" for term in terms)


def _term(parents: Mapping[str, str], key: str, values: list[str]) -> str:
    equal = [f"{name}='{value}'" for name, value in parents.items()]
    listed = ",".join(f"'{value}'" for value in values)
    last = f"{key}={listed}" if len(values) == 1 else f"{key} in ({listed})"
    return " and ".join([*equal, last])

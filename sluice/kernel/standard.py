"""The text that is cast: trimmed, nulls recognised, letters changed, default filled in; in this order."""

from collections.abc import Callable

from sluice.contract import Column, Contract

WHITE_SPACE = " \t\n\r\f\v\u00a0\ufeff"
"""What `trim` takes away at both ends of a text."""

Standardise = Callable[[str | None], str | None]


def nulls(contract: Contract, column: Column) -> frozenset[str]:
    """The texts that mean null in a column."""
    return frozenset((*contract.null_values, *column.null_values))


def default_text(column: Column) -> str | None:
    """What stands in place of null, as the source would have written it."""
    if column.default is None:
        return None
    return str(column.default).lower() if isinstance(column.default, bool) else str(column.default)


def standardiser(contract: Contract, column: Column) -> Standardise:
    """The function that a column's raw texts go through before they are cast."""
    null_texts, default, case = nulls(contract, column), default_text(column), column.case
    if not column.trim and case is None:
        return lambda raw: default if raw is None or raw in null_texts else raw

    def standardise(raw: str | None) -> str | None:
        if raw is None:
            return default
        text = raw.strip(WHITE_SPACE) if column.trim else raw
        if text in null_texts:
            return default
        if case is None:
            return text
        return text.upper() if case == "upper" else text.lower()

    return standardise

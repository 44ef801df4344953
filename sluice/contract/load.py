"""Making contracts from plain data. Shape first, then rules; every problem names its field.

Nothing here needs a YAML reader: packages carry contracts as JSON, and `sluice.contract.files` reads the YAML of a
repository.
"""

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import cattrs
from cattrs.gen import make_dict_unstructure_fn

from sluice.contract import rules
from sluice.contract.model import (
    Column,
    Contract,
    CsvSource,
    JsonSource,
    ParquetSource,
    RedshiftHints,
    Scalar,
    Source,
    Table,
    XmlSource,
)
from sluice.errors import ContractError

_SOURCES = {"csv": CsvSource, "json": JsonSource, "xml": XmlSource, "parquet": ParquetSource}
_VALUES = (*_SOURCES.values(), Column, RedshiftHints, Table, Contract)


def _exactly(kind: type) -> Any:  # noqa: ANN401 - cattrs hooks are untyped
    def check(value: object, _: object) -> object:
        if type(value) is not kind:
            raise ValueError(f"must be {_NAMES[kind]}, not {value!r}")
        return value

    return check


_LITERAL = re.compile(r"(.*) not in literal (?:typing\.)?Literal\[(.*)\]")
_NAMES: dict[type, str] = {str: "text", bool: "true or false", int: "a whole number"}


def _number(value: object, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, not {value!r}")  # noqa: TRY004 - one kind of error for all fields
    return float(value)


def _scalar(value: object, _: object) -> Scalar:
    if not isinstance(value, str | int | float | bool):
        raise ValueError(f"must be text or a number, not {value!r}")  # noqa: TRY004
    return value


def _source(value: object, _: object) -> Source:
    known = ", ".join(_SOURCES)
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a mapping with a format ({known})")  # noqa: TRY004
    name = value.get("format")
    kind = _SOURCES.get(name) if isinstance(name, str) else None
    near = next((key for key in value if _is_near(key, "format")), None) if "format" not in value else None
    if near is not None:
        raise ValueError(f"unknown field {near!r} (did you mean 'format'?)")
    if "format" not in value:
        raise ValueError(f"format is missing: one of {known}")
    if kind is None:
        raise ValueError(f"format must be one of {known}, not {name!r}")
    return _converter.structure(value, kind)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in (str, bool, int):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook_func(lambda kind: kind == Scalar, _scalar)
    converter.register_structure_hook_func(lambda kind: kind == Scalar | None, _optional_scalar)
    converter.register_structure_hook_func(lambda kind: kind == Source, _source)
    converter.register_structure_hook_func(_is_tuple_type, _sequence)
    for value in _VALUES:
        converter.register_unstructure_hook(
            value, make_dict_unstructure_fn(value, converter, _cattrs_omit_if_default=True)
        )
    return converter


def _optional_scalar(value: object, kind: object) -> Scalar | None:
    return None if value is None else _scalar(value, kind)


def _is_tuple_type(kind: object) -> bool:
    return getattr(kind, "__origin__", None) is tuple


def _sequence(value: object, kind: Any) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, list):
        raise ValueError(f"must be a list, not {value!r}")  # noqa: TRY004
    return tuple(_converter.structure(value, list[kind.__args__[0]]))


_converter = _make_converter()


def parse_contract(data: object, name: str) -> Contract:
    """Make a contract from plain mappings and lists.

    Args:
        data: What a YAML or JSON reader gave.
        name: File name for messages.

    Raises:
        ContractError: A field is unknown, missing or of the wrong type, or a rule is broken. The message lists every
            problem of the first kind that was found, each with its field.
    """
    if not isinstance(data, Mapping):
        raise ContractError(f"{name}: a contract is a mapping that begins with 'dataset:'")
    found = _structured(data)
    if isinstance(found, Contract):
        return found
    # A name that nobody knows hides what is wrong behind it, so the rest is read as if it were right.
    again = _structured(_corrected(data, Contract))
    more = () if isinstance(again, Contract) else tuple(problem for problem in again if problem not in found)
    raise _as_contract_error(name, (*found, *more))


def _structured(data: object) -> Contract | tuple[str, ...]:
    """A valid contract, or what is wrong with it."""
    try:
        contract = _converter.structure(data, Contract)
    except cattrs.ClassValidationError as exc:
        return tuple(map(_field_first, cattrs.transform_error(exc, format_exception=_describe)))
    return tuple(rules.problems(contract)) or contract


def _corrected(value: object, kind: type) -> object:
    """A mapping with unknown fields named as the nearest missing one, or left out."""
    if not isinstance(value, Mapping):
        return value
    known = list(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    missing = [name for name in known if name not in value]
    corrected: dict[Any, Any] = {}
    for key, item in value.items():
        near = [key] if key in known else get_close_matches(str(key), missing, n=1)
        for name in near:
            corrected[name] = _corrected_inside(name, item)
    return corrected


def _corrected_inside(field: str, value: object) -> object:
    if field == "source" and isinstance(value, Mapping):
        named = value.get("format", next((value[one] for one in value if _is_near(one, "format")), None))
        return _corrected(value, _SOURCES.get(named, CsvSource) if isinstance(named, str) else CsvSource)
    kind = _PARTS.get(field)
    if kind is None:
        return value
    return [_corrected(item, kind) for item in value] if isinstance(value, list) else _corrected(value, kind)


_PARTS: dict[str, type] = {"tables": Table, "columns": Column, "redshift": RedshiftHints}


def _is_near(key: object, name: str) -> bool:
    return bool(get_close_matches(str(key), [name], n=1))


def dump_contracts(contracts: Iterable[Contract]) -> str:
    """The JSON that packages carry, so that Lambda and Glue need no YAML reader."""
    plain = [_converter.unstructure(contract) for contract in contracts]
    for contract, data in zip(contracts, plain, strict=True):
        data["source"]["format"] = contract.source.format
    return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def parse_contracts(text: str, name: str = "contracts.json") -> dict[str, Contract]:
    """Read what `dump_contracts` wrote.

    Raises:
        ContractError: The text is not that, or breaks a rule.
    """
    try:
        plain = json.loads(text)
    except json.JSONDecodeError as exc:
        raise ContractError(f"{name}: not valid JSON: {exc}") from exc
    return by_dataset([parse_contract(data, f"{name}[{index}]") for index, data in enumerate(plain)], name)


def by_dataset(contracts: Iterable[Contract], name: str) -> dict[str, Contract]:
    """Sort contracts by dataset and check them against each other.

    Args:
        contracts: Contracts that are each valid.
        name: Where they come from, for messages.

    Raises:
        ContractError: Two of them do not go together.
    """
    found = sorted(contracts, key=lambda contract: contract.dataset)
    problems = rules.problems_between(found)
    if problems:
        raise _as_contract_error(name, problems)
    return {contract.dataset: contract for contract in found}


def _as_contract_error(name: str, problems: Iterable[str]) -> ContractError:
    return ContractError("\n".join(f"{name}: {problem}" for problem in problems))


def _field_first(problem: str) -> str:
    """Turn the converter's ``rule @ $.field`` into ``field: rule``; leave other lines as they are."""
    rule, at, field = problem.rpartition(" @ $")
    if not at:
        return problem
    return f"{field.removeprefix('.')}: {rule}" if field else rule


def _with_nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"{name!r}, did you mean {near[0]!r}?" if near else repr(name)


def _describe(exc: BaseException, kind: type | None) -> str:
    if isinstance(exc, cattrs.ForbiddenExtraKeysError):
        known = sorted(getattr(exc.cl, "__dataclass_fields__", ()))
        unknown = ", ".join(_with_nearest(name, known) for name in sorted(map(str, exc.extra_fields)))
        return f"unknown field {unknown} (known: {', '.join(known)})"
    if isinstance(exc, KeyError):
        return "is missing"
    if isinstance(exc, AttributeError | TypeError):  # The converter took it for a mapping, and it is none.
        return "must be a mapping"
    literal = _LITERAL.fullmatch(str(exc))
    if literal is not None:
        return f"must be one of {literal[2]}, not {literal[1]!r}"
    return str(exc) if isinstance(exc, ValueError) else cattrs.v.format_exception(exc, kind)

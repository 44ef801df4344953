"""Names that are nearly right: the nearest is named, and what is wrong behind them is told at once."""

from pathlib import Path
from typing import Any

import pytest

from sluice.contract import parse_contract
from sluice.contract.files import read_contracts
from sluice.errors import ContractError
from tests.unit.contract_data import plain_contract


def problems(data: object) -> list[str]:
    with pytest.raises(ContractError) as caught:
        parse_contract(data, "p.yaml")
    return str(caught.value).splitlines()


def test_a_misspelt_format_is_named_and_hides_nothing() -> None:
    data = plain_contract()
    data["source"]["fromat"] = data["source"].pop("format")
    data["source"]["layout"] = "parcels/%Y"
    data["tables"][0]["columns"][0]["type"] = "money"
    found = problems(data)
    assert found[0] == "p.yaml: source: unknown field 'fromat' (did you mean 'format'?)"
    assert any(line.startswith("p.yaml: source.layout: 'parcels/%Y': %Y, %m and %d must each appear") for line in found)
    assert any(line.startswith("p.yaml: tables[0].columns[0] (parcel_id).type: ") for line in found)


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        ((), "tables", "tabels"),
        (("tables", 0), "primary_key", "primarykey"),
        (("tables", 0, "columns", 1), "type", "typ"),
    ],
)
def test_every_misspelt_field_is_answered_with_the_nearest(place: tuple[str | int, ...], old: str, new: str) -> None:
    data = plain_contract()
    part: Any = data
    for step in place:
        part = part[step]
    part[new] = part.pop(old)
    assert any(f"unknown field {new!r}, did you mean {old!r}? (known: " in line for line in problems(data))


def test_a_name_that_is_near_to_nothing_is_told_with_those_that_there_are() -> None:
    [found] = problems(plain_contract() | {"zebra": 1})
    assert found.startswith("p.yaml: unknown field 'zebra' (known: ")


def test_every_file_of_a_folder_is_told_of(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("dataset: 7\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_text("[", encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        read_contracts(tmp_path)
    files = {line.split(":")[0] for line in str(caught.value).splitlines()}
    assert files == {str(tmp_path / f"{name}.yaml") for name in ("a", "b", "c")}

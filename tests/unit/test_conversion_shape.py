"""The tree of all paths of a contract."""

from pathlib import Path
from typing import Any

import pytest

from sluice.contract import Contract, parse_contract
from sluice.contract.files import read_contracts
from sluice.contract.shape import Group, Items, Leaf, Place, shape_of
from sluice.errors import ContractError

ROOT = Path(__file__).resolve().parents[2]


def contract(form: str, *tables: dict[str, Any], **source: str) -> Contract:
    built = [
        {"name": f"t{index}", "load": "append", "explode": table.get("explode"), "columns": _columns(table["paths"])}
        for index, table in enumerate(tables)
    ]
    described = {"format": form, "layout": "d/%Y/%m/%d", **source}
    return parse_contract({"dataset": "d", "source": described, "tables": built}, "d.yaml")


def _columns(paths: list[str]) -> list[dict[str, str]]:
    return [{"name": f"c{index}", "type": "varchar(9)", "source": path} for index, path in enumerate(paths)]


def test_nested_paths_share_their_groups() -> None:
    shape = shape_of(contract("json", {"paths": ["id", "a.b.c", "a.b.d", "a.e"]}))
    inner = Group({"c": Leaf(), "d": Leaf()})
    assert shape.record == Group({"id": Leaf(), "a": Group({"b": inner, "e": Leaf()})})
    assert shape.places["t0", "c1"] == Place(False, ("a", "b", "c"))


def test_exploded_tables() -> None:
    shape = shape_of(
        contract(
            "json",
            {"paths": ["id"]},
            {"explode": "a.items", "paths": ["sku", "x.y", "$.id", "$.a.note"]},
            {"explode": "a.items", "paths": ["other"]},
        )
    )
    element = Group({"sku": Leaf(), "x": Group({"y": Leaf()}), "other": Leaf()})
    assert shape.record == Group({"a": Group({"items": Items(element), "note": Leaf()}), "id": Leaf()})
    assert shape.items == {"t1": ("a", "items"), "t2": ("a", "items")}
    assert shape.places["t1", "c1"] == Place(True, ("x", "y"))
    assert shape.places["t1", "c3"] == Place(False, ("a", "note"))


def test_csv_columns_are_names_not_paths() -> None:
    shape = shape_of(contract("csv", {"paths": ["Unit.Price", "Order No"]}))
    assert shape.record == Group({"Unit.Price": Leaf(), "Order No": Leaf()})


def test_xml_elements_may_have_a_text_beside_attributes() -> None:
    shape = shape_of(
        contract(
            "xml", {"paths": ["@id", "price", "price.@currency"]}, {"explode": "tag", "paths": ["#text"]}, row_tag="p"
        )
    )
    assert shape.record == Group(
        {
            "tag": Items(Group({"#text": Leaf()})),
            "@id": Leaf(),
            "price": Group({"#text": Leaf(), "@currency": Leaf()}),
        }
    )
    assert shape.places["t0", "c1"] == Place(False, ("price", "#text"))


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([{"paths": ["a", "a.b"]}], "a.b: a is read as a text"),
        ([{"paths": ["a.b", "a"]}], "a: is both a text and an object or array"),
        ([{"paths": ["items"]}, {"explode": "items", "paths": ["x"]}], "items: is both a text and an object or array"),
        ([{"paths": ["items.x"]}, {"explode": "items", "paths": ["x"]}], "items.x: items is an array that is exploded"),
        (
            [{"explode": "items", "paths": ["x"]}, {"explode": "items.taxes", "paths": ["y"]}],
            "items.taxes: items is an array that is exploded",
        ),
    ],
)
def test_paths_that_exclude_each_other_are_refused(tables: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ContractError) as caught:
        contract("json", *tables)
    assert str(caught.value) == f"d.yaml: tables: source {message}"


def test_the_projects_contracts_have_shapes() -> None:
    shapes = {name: shape_of(found) for name, found in read_contracts(ROOT / "contracts").items()}
    assert {name: list(shape.items) for name, shape in shapes.items() if shape.items} == {"orders": ["order_items"]}

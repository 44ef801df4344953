"""What new contracts would change in tables that are there: compatible lines are told, breaking ones refused."""

from dataclasses import replace
from typing import Any, cast

import pytest

from sluice.aws.clients import Clients
from sluice.contract import Contract
from sluice.lake.catalog_tables import processed_table
from sluice.settings import Settings
from sluice_laptop.changes import BreakingChangeError, changes, in_words, refuse_breaking
from tests.doubles.world import CONTRACTS

SETTINGS = Settings()
ORDERS = CONTRACTS["orders"]


class Glue:
    """A catalog with the tables of some contracts."""

    class exceptions:  # noqa: N801 - as boto3 has it
        pass

    def __init__(self, *contracts: Contract) -> None:
        definitions = [
            processed_table(contract, table, SETTINGS.processed) for contract in contracts for table in contract.tables
        ]
        self.tables = {definition["Name"]: definition for definition in definitions}

    def get_table(self, **request: Any) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        if request["Name"] not in self.tables:
            raise ClientError({"Error": {"Code": "EntityNotFoundException", "Message": "none"}}, "GetTable")
        return {"Table": self.tables[request["Name"]]}


def clients(*contracts: Contract) -> Clients:
    made = Clients(region="eu-central-1")
    made.__dict__["glue"] = cast("Any", Glue(*contracts))
    return made


def with_type(column: str, kind: str) -> Contract:
    table = ORDERS.tables[0]
    columns = tuple(replace(one, type=kind) if one.name == column else one for one in table.columns)
    return replace(ORDERS, tables=(replace(table, columns=columns), *ORDERS.tables[1:]))


def found(old: Contract, new: Contract) -> list[str]:
    return [
        f"{dataset} {in_words(one)} {one.kind}" for dataset, one in changes(clients(old), SETTINGS, {"orders": new})
    ]


def test_nothing_there_and_nothing_changed_is_no_change() -> None:
    assert list(changes(clients(), SETTINGS, CONTRACTS)) == []
    assert found(ORDERS, ORDERS) == []


def test_compatible_changes_are_told_and_not_refused() -> None:
    new = with_type("order_status", "varchar(32)")
    assert all(line.endswith(" compatible") for line in found(ORDERS, new))
    refuse_breaking(list(changes(clients(ORDERS), SETTINGS, {"orders": new})))
    shorter = replace(ORDERS.tables[0], columns=ORDERS.tables[0].columns[:-1])
    assert found(replace(ORDERS, tables=(shorter, *ORDERS.tables[1:])), ORDERS) == [
        "orders orders.updated_at: nothing becomes timestamp compatible"
    ]


def test_a_column_that_a_contract_drops_stays_and_is_no_change() -> None:
    table = ORDERS.tables[0]
    fewer = replace(table, columns=tuple(one for one in table.columns if one.name != "tax"))
    assert found(ORDERS, replace(ORDERS, tables=(fewer, *ORDERS.tables[1:]))) == []


def test_breaking_changes_are_refused_with_the_way_out() -> None:
    new = with_type("order_status", "integer")
    assert found(ORDERS, new) == ["orders orders.order_status: varchar(16) becomes int breaking"]
    with pytest.raises(BreakingChangeError) as caught:
        refuse_breaking(list(changes(clients(ORDERS), SETTINGS, {"orders": new})))
    lines = str(caught.value).splitlines()
    assert lines[1] == "  orders.order_status: varchar(16) becomes int"
    assert "`sluice up --accept-breaking`, then `sluice rebuild orders --apply`" in lines[2]

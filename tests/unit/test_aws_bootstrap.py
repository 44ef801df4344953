"""The bootstrap waits for rights that the deploy has given a moment before."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from sluice.aws.bootstrap import GRACE_SECONDS, run_bootstrap
from sluice.backoff import Backoff
from sluice.errors import AwsDeniedError, WarehouseBusyError, WarehouseDeniedError, WarehouseError
from sluice.warehouse.bootstrap import Step

STEPS = [Step("schema", "create schema s"), Step("table", "create table t ()")]


class Warehouse:
    """Fails as often as it is told, and notes what ran."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.ran: list[str] = []
        self.answers: list[bool] = []

    def execute(self, sql: str, *, label: str) -> None:
        assert label
        if self.errors:
            raise self.errors.pop(0)
        self.ran.append(sql)

    def rows(self, sql: str, *, label: str) -> list[tuple[str]]:
        assert (sql, bool(label)) == ("is it there?", True)
        return [("there",)] if self.answers.pop(0) else []


def run(warehouse: Warehouse, steps: Sequence[Step] = STEPS) -> tuple[int, list[float]]:
    slept: list[float] = []
    patience = Backoff(attempts=3, sleep=slept.append, random=lambda: 0.0)
    return run_bootstrap(cast("Any", warehouse), steps, patience), slept


@pytest.mark.parametrize("error", [AwsDeniedError("AccessDeniedException"), WarehouseDeniedError("permission denied")])
def test_rights_that_are_on_their_way_are_waited_for(error: Exception) -> None:
    warehouse = Warehouse(*[error] * 12)
    assert run(warehouse) == (2, [5.0] * 12)
    assert warehouse.ran == [step.sql for step in STEPS]


def test_rights_that_do_not_come_end_it() -> None:
    warehouse = Warehouse(*[AwsDeniedError("AccessDeniedException")] * 100)
    with pytest.raises(AwsDeniedError):
        run(warehouse)
    assert len(warehouse.errors) == 100 - GRACE_SECONDS / 5 - 1
    assert warehouse.ran == []


def test_other_refusals_are_final_at_once() -> None:
    warehouse = Warehouse(WarehouseError("syntax error"))
    with pytest.raises(WarehouseError):
        run(warehouse)
    assert (warehouse.errors, warehouse.ran) == ([], [])


def test_a_busy_warehouse_is_tried_again_without_the_grace() -> None:
    assert run(Warehouse(WarehouseBusyError("lock"))) == (2, [0.0])


USER = [Step("user", "create user u", "is it there?")]


def test_what_is_there_is_not_made_again() -> None:
    warehouse = Warehouse()
    warehouse.answers = [True]
    assert run(warehouse, USER) == (1, [])
    warehouse.answers = [False]
    assert run(warehouse, USER) == (1, [])
    assert (warehouse.ran, warehouse.answers) == (["create user u"], [])


@pytest.mark.parametrize("is_made_by_another", [True, False])
def test_two_bootstraps_that_make_a_user_at_once_end_well(is_made_by_another: bool) -> None:
    warehouse = Warehouse(WarehouseError("user u exists"))
    warehouse.answers = [False, is_made_by_another]
    if is_made_by_another:
        assert run(warehouse, USER) == (1, [])
    else:
        with pytest.raises(WarehouseError, match="user u exists"):
            run(warehouse, USER)
    assert (warehouse.ran, warehouse.answers) == ([], [])

"""Rules of the product that can be taken out, each with a story whose end then is another: what the model must find."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager as Context
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pyarrow as pa

from glue_jobs.conversion import run as conversion
from glue_jobs.loading.refresh import Refresh
from glue_jobs.loading.table import TableLoad
from lambda_trigger import after_run, archive, arrival, choice, partitions, reconcile
from sluice.kernel import write
from sluice.lake.handover import RunInput
from sluice.warehouse import merge
from tests.histories.history import History

Story = Callable[[History], None]
Rule = Callable[[], Context[Any]]


def no_newer() -> Context[Any]:
    """An older manifest that comes late is converted like any other."""
    stack = ExitStack()
    for module in (arrival, choice):
        stack.enter_context(patch.object(module, "newer_than", lambda *_: None))
    return stack


def late_and_older(history: History) -> None:
    history.send("orders", 0, [(0, 1)])
    history.send("orders", 0, [(0, 2)])
    history.deliver(1)
    through(history)
    history.deliver()


def no_fence() -> Context[Any]:
    """A run does not look whether its batches have gone to others, and nobody puts right what it has switched."""
    stack = ExitStack()
    stack.enter_context(patch.object(conversion._Run, "check_open", lambda _: None))
    stack.enter_context(nobody_puts_right())
    return stack


def a_dead_run_goes_on(history: History) -> None:
    history.send("events", 0, [(0, 1)])
    history.deliver()
    history.call_dead()
    history.sweep()
    through(history)
    history.send("events", 0, [(0, 2)])
    history.deliver()
    through(history)
    history.zombie_works()


def nobody_puts_right() -> Context[Any]:
    """What a run has switched stays, whether it had a right to or not."""
    return patch.object(partitions, "_put_right", lambda *_: False)


def a_dead_run_is_stuck_before_its_switch(history: History) -> None:
    """It has looked whether its batches went to others just before they did."""
    history.send("orders", 0, [(0, 1)])
    history.deliver()

    def others_go_on() -> None:
        history.call_dead()
        history.send("orders", 0, [(0, 2)])
        history.deliver()
        through(history)
        history.check()

    history.account.weather.meanwhile("before MemoryCatalog.register", others_go_on)
    history.work(is_heard=False)
    history.sweep(2)


def claims_are_done_again() -> Context[Any]:
    """A run does not look whether another one has done its claim."""

    def convert(context: conversion.RunContext, claim_id: str, predicate: str) -> object:
        work = conversion._Run(context, claim_id)
        task = RunInput.from_json(context.documents.read(context.settings.processed.run_input(claim_id)))
        return work.convert(task, predicate)

    return patch("tests.histories.account.convert", convert)


def a_run_that_succeeded_is_run_again(history: History) -> None:
    for version in (1, 2):
        history.send("events", 0, [(0, version)])
        history.deliver()
        through(history)
    history.run_again(0)
    history.work()


def loads_look_into_no_account() -> Context[Any]:
    """A load does not look which of its batches the warehouse has."""
    booked, seen = TableLoad._booked, Counter[int]()

    def forgetful(self: TableLoad, batches: Any) -> Any:
        seen[id(self.batches)] += 1
        return {} if seen[id(self.batches)] == 1 else booked(self, batches)

    stack = ExitStack()
    stack.enter_context(patch.object(TableLoad, "_booked", forgetful))
    stack.enter_context(patch.object(merge, "_forget_loaded", lambda _: "SELECT 1"))
    return stack


def a_load_is_run_again(history: History) -> None:
    history.send("events", 0, [(0, 1)])
    history.deliver()
    through(history)
    history.run_again(1)
    history.work()


def stale_rows_come_in() -> Context[Any]:
    """A row that the target has in a newer version is merged all the same."""
    return patch.object(merge, "_delete_stale", lambda _: "SELECT 1")


def an_older_version_in_another_hour(history: History) -> None:
    for number, version in ((1, 3), (0, 1)):
        history.send("orders", number, [(0, version)])
        history.deliver()
        through(history)


def duplicates_stay() -> Context[Any]:
    """Of several versions of a row in one batch the first is taken."""

    def first(table: Any, rows: pa.Table) -> tuple[pa.Table, Counter[str]]:
        order = pa.compute.sort_indices(rows, sort_keys=[(name, "ascending") for name in table.primary_key])
        return rows.take(order), Counter()

    return patch.object(write, "newest", first)


def two_versions_in_one_file(history: History) -> None:
    history.send("orders", 0, [(0, 2), (1, 1), (0, 1), (1, 2)])
    history.deliver()


def nothing_is_refreshed() -> Context[Any]:
    """A load does not say which days it changed."""
    return patch.object(Refresh, "of", lambda *_: {})


def one_load(history: History) -> None:
    history.send("orders", 0, [(0, 1)])
    history.deliver()


def every_event_is_new() -> Context[Any]:
    """A manifest is not known again that the sweep has found already."""
    return patch.object(arrival, "known_as", lambda *_: None)


def found_and_told_of(history: History) -> None:
    history.send("orders", 0, [(0, 1)])
    history.sweep(17, is_searching=True)
    history.deliver()


def nobody_searches() -> Context[Any]:
    """A manifest of which no event came is not looked for."""
    return patch.object(reconcile, "repair", lambda *_: None)


def a_lost_event(history: History) -> None:
    history.send("orders", 0, [(0, 1)], is_lost=True)


def open_loads_are_forgotten() -> Context[Any]:
    """Nobody notes that something is to follow a load."""
    return patch.object(after_run, "_open", lambda *_: None)


def the_warehouse_goes_between_load_and_refresh(history: History) -> None:
    history.send("orders", 0, [(0, 1)])
    history.deliver()
    history.work()
    history.work(is_heard=False)
    history.away("warehouse")
    history.machine_goes_on()


def nothing_is_archived() -> Context[Any]:
    """The archive says that it is done."""
    return patch.object(archive, "archive_claim", lambda *_: True)


def archived_unseen() -> Context[Any]:
    """The archive takes files whether their copies are there or not."""
    return patch("tests.doubles.objects.MemoryObjects.copy", lambda self, source, _: self.info(source.url))


def through(history: History) -> None:
    """Whatever runs comes to its end."""
    for _ in range(10):
        while history.account.glue.running:
            history.work()
        history.sweep(2)


RULES: dict[Rule, Story] = {
    no_newer: late_and_older,
    no_fence: a_dead_run_goes_on,
    nobody_puts_right: a_dead_run_is_stuck_before_its_switch,
    claims_are_done_again: a_run_that_succeeded_is_run_again,
    loads_look_into_no_account: a_load_is_run_again,
    stale_rows_come_in: an_older_version_in_another_hour,
    duplicates_stay: two_versions_in_one_file,
    nothing_is_refreshed: one_load,
    every_event_is_new: found_and_told_of,
    nobody_searches: a_lost_event,
    open_loads_are_forgotten: the_warehouse_goes_between_load_and_refresh,
    nothing_is_archived: one_load,
    archived_unseen: one_load,
}
"""Every rule, and the story that shows that it is needed."""

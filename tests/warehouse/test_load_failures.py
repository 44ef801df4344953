"""Crashes, lost answers, a busy warehouse and bad files: the state is the one before or after a step, never between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from sluice.contract.model import LoadMode
from sluice.errors import MissingObjectError, TerminalError, WarehouseBusyError
from sluice.lake.handover import LoadInput, PublishedFile
from tests.warehouse.loads import Loads, Row, arrow_table, batch_id, contract_of, counts, row, stored, things

THINGS = things()
CONTRACT = contract_of(THINGS)


class Killed(BaseException):
    """The process is gone."""


class Failing:
    """The real client until a chosen call; what happens there, and from there on, is up to the test."""

    def __init__(self, client: Any, at: Callable[[str, dict[str, Any]], bool], then: Callable[..., Any]) -> None:
        self._client = client
        self._at = at
        self._then = then
        self.times = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name == "meta" or not callable(found):
            return found

        def call(**request: Any) -> Any:
            if not self._at(name, request):
                return found(**request)
            self.times += 1
            return self._then(found, self.times, **request)

        return call


def is_step(step: str) -> Callable[[str, dict[str, Any]], bool]:
    return lambda _, request: str(request.get("StatementName", "")).endswith(step)


def kill(*_: Any, **__: Any) -> Any:
    raise Killed


def killed_at(client: Any, step: str) -> Any:
    """A client whose process dies when it wants to submit a step; nothing gets through afterwards."""
    dead = False

    def at(name: str, request: dict[str, Any]) -> bool:
        nonlocal dead
        dead = dead or is_step(step)(name, request)
        return dead

    return Failing(client, at, kill)


def published(loads: Loads, **batches: list[Row]) -> dict[str, dict[str, tuple[PublishedFile, ...]]]:
    ids = {name: batch_id(int(name[1:])) for name in batches}
    return {ids[name]: {"things": (loads.publish(THINGS, ids[name], rows),)} for name, rows in batches.items()}


@pytest.mark.parametrize("step", ["own tables", "columns", "prepare", "stage", "count", "merge"])
def test_a_process_that_dies_before_a_step_leaves_nothing_that_a_second_run_does_not_mend(
    loads: Loads, step: str
) -> None:
    claim = loads.dispatch(CONTRACT, published(loads, b1=[row(1, 1, "one")], b2=[row(1, 2, "two")]))
    alive = loads.client
    loads.client = killed_at(alive, step)

    with pytest.raises(Killed):
        loads.run(CONTRACT, claim)

    loads.client = alive
    assert not loads.documents.exists(loads.processed.load_outcome(claim))
    assert len(loads.staging_tables()) == (1 if step in ("count", "merge") else 0)
    outcome = loads.run(CONTRACT, claim, run="jr_2")
    assert counts(outcome) == {batch_id(1): (1, 0, 0, 1), batch_id(2): (1, 1, 0, 0)}
    assert loads.rows() == [stored(row(1, 2, "two"), batch_id(2))]
    assert loads.staging_tables() == []


def test_a_process_that_dies_after_the_merge_is_finished_by_a_second_run_that_changes_nothing(loads: Loads) -> None:
    claim = loads.dispatch(CONTRACT, published(loads, b1=[row(1, 1, "one")]))
    alive = loads.client

    def after_merge(_: str, request: dict[str, Any]) -> bool:
        return "drop stage" in str(request.get("StatementName", ""))

    loads.client = Failing(alive, after_merge, kill)  # type: ignore[assignment]
    with pytest.raises(Killed):
        loads.run(CONTRACT, claim)
    loads.client = alive
    before = (loads.rows(), loads.audit())
    assert before[0] == [stored(row(1, 1, "one"), batch_id(1))]

    outcome = loads.run(CONTRACT, claim, run="jr_2")

    assert (loads.rows(), loads.audit()) == before
    assert counts(outcome) == {batch_id(1): (1, 1, 0, 0)}
    assert loads.staging_tables() == []


class Counting:
    """The real client; counts what is submitted, and dies at one submission, before or after it took effect."""

    def __init__(self, client: Any, dies_at: int = -1, *, is_after: bool = False) -> None:
        self._client, self._dies_at, self._is_after = client, dies_at, is_after
        self.labels: list[str] = []
        self._is_dead = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name == "meta" or not callable(found):
            return found

        def call(**request: Any) -> Any:
            if self._is_dead:
                raise Killed
            if name not in {"execute_statement", "batch_execute_statement"}:
                return found(**request)
            self.labels.append(str(request["StatementName"]))
            self._is_dead = len(self.labels) - 1 == self._dies_at
            if self._is_dead and not self._is_after:
                raise Killed
            answer = found(**request)
            if self._is_dead:
                raise Killed
            return answer

        return call


def test_a_process_that_dies_at_any_submission_is_finished_by_a_second_run(loads: Loads) -> None:
    """The list of steps is what an undisturbed load submits; after a kill a statement goes on by itself."""
    alive = loads.client

    def load(number: int, client: Any) -> str:
        batch = batch_id(number % 24, 1 + number // 24)
        file = loads.publish(THINGS, batch, [row(number, 1, "one"), row(1000, number, "last")])
        claim = loads.dispatch(CONTRACT, {batch: {"things": (file,)}})
        loads.client = client
        loads.run(CONTRACT, claim)
        loads.client = alive
        return claim

    load(0, alive)
    counting = Counting(alive)
    load(1, counting)
    assert len(counting.labels) >= 5
    number = 1
    # Before a submission is after the one before it.
    for point, label in enumerate(counting.labels):
        number += 1
        with pytest.raises(Killed):
            load(number, Counting(alive, point, is_after=point > 0))
        loads.client = alive
        outcome = loads.run(CONTRACT, f"claim-{loads.bucket}-{loads.claims}", run="jr_2")
        assert [batch.error for batch in outcome.values()] == [""], label
        assert sum(item[0] == number for item in loads.rows()) == 1, label
        assert next(item for item in loads.rows() if item[0] == 1000)[1] == number, label
    # A statement that goes on after its process may leave a staging table; the next load removes it.
    load(number + 1, alive)
    assert loads.staging_tables() == []
    assert len(loads.audit()) == number + 2


def test_staging_tables_of_other_tables_and_strange_tables_are_left_alone(loads: Loads) -> None:
    loads.load(THINGS, {batch_id(1): []})
    for name in (
        "stage_things_0123456789ab",
        "stage_other_0123456789ab",
        "stage_things_more_0123456789ab",
        "stage_things_x",
    ):
        loads.warehouse.execute(f"CREATE TABLE sluice.{name} (id integer)")

    loads.load(THINGS, {batch_id(2): []})

    assert loads.staging_tables() == ["stage_other_0123456789ab", "stage_things_more_0123456789ab", "stage_things_x"]


def test_a_merge_that_fails_half_way_changes_nothing(loads: Loads) -> None:
    """The last statement fails, after the audit row was written: a column of somebody else's wants a value."""
    loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})
    loads.warehouse.execute("DROP TABLE public.things")
    loads.warehouse.execute(
        "CREATE TABLE public.things "
        "(id integer, version integer, name varchar(10), price decimal(8,2), mine integer NOT NULL)"
    )
    loads.warehouse.execute("INSERT INTO public.things VALUES (1, 1, 'one', 1.00, 7)")
    before = (loads.rows(columns=("id", "version", "name", "mine")), loads.audit())

    outcome = loads.load(THINGS, {batch_id(2): [row(1, 2, "two"), row(2, 1, "new")]})

    assert "table public.things: merge: statement 10 of 10: " in outcome[batch_id(2)].error
    assert "mine" in outcome[batch_id(2)].error
    assert not outcome[batch_id(2)].is_transient
    assert (loads.rows(columns=("id", "version", "name", "mine")), loads.audit()) == before
    assert loads.staging_tables() == []


def test_a_submission_whose_answer_is_lost_runs_once(loads: Loads) -> None:
    def lose(real: Callable[..., Any], times: int, **request: Any) -> Any:
        answer = real(**request)
        if times == 1:
            raise ConnectionClosedError(endpoint_url="http://warehouse")
        return answer

    loads.client = Failing(loads.client, is_step("merge"), lose)  # type: ignore[assignment]

    outcome = loads.load(THINGS, {batch_id(1): [row(1, 1, "one")]})

    assert loads.client.times == 2  # type: ignore[attr-defined]
    assert counts(outcome) == {batch_id(1): (1, 1, 0, 0)}
    names = [s.get("StatementName") for s in loads.client.list_statements(Status="ALL", MaxResults=10)["Statements"]]
    assert names.count("table public.things: merge") == 1


def ended(loads: Loads, statement_id: str) -> str:
    """How a statement ended, once it has."""
    while (status := str(loads.client.describe_statement(Id=statement_id)["Status"])) not in {"FINISHED", "FAILED"}:
        time.sleep(0.02)
    return status


def conflicting(loads: Loads) -> None:
    loads.warehouse.execute(
        "CREATE PROCEDURE public.conflict() AS $$ BEGIN "
        "RAISE EXCEPTION '1023 Serializable isolation violation on table - 1, transactions forming the cycle are: 2'; "
        "END; $$ LANGUAGE plpgsql"
    )


def keep_busy(loads: Loads, times: int) -> None:
    """The first tries to stage meet a conflict: the transaction ends as FAILED with Redshift's words for it."""

    def conflict(real: Callable[..., Any], tried: int, **request: Any) -> Any:
        if tried > times:
            return real(**request)
        return real(**{**request, "Sqls": [*request["Sqls"], "CALL public.conflict()"]})

    conflicting(loads)
    loads.client = Failing(loads.client, is_step("stage"), conflict)  # type: ignore[assignment]


def test_a_conflict_is_tried_again_with_growing_patience(loads: Loads) -> None:
    claim = loads.dispatch(CONTRACT, published(loads, b1=[row(1, 1, "one")]))
    keep_busy(loads, times=2)

    outcome = loads.run(CONTRACT, claim)

    assert counts(outcome) == {batch_id(1): (1, 1, 0, 0)}
    assert loads.slept == [0.25, 0.5]


def test_a_warehouse_that_stays_busy_makes_the_batches_transient_failures(loads: Loads) -> None:
    loads.load(THINGS, {batch_id(9): [row(9, 1, "nine")]})
    claim = loads.dispatch(CONTRACT, published(loads, b1=[row(1, 1, "one")], b2=[row(2, 1, "two")]))
    before = (loads.rows(), loads.audit())
    keep_busy(loads, times=99)

    outcome = loads.run(CONTRACT, claim)

    assert sorted(outcome) == [batch_id(1), batch_id(2)]
    for batch in outcome.values():
        assert batch.is_transient
        assert batch.error.startswith(f"{WarehouseBusyError.__name__}: table public.things: stage: statement 4 of 4: ")
        assert "1023" in batch.error
    assert (loads.rows(), loads.audit()) == before
    assert loads.staging_tables() == []
    assert len(loads.slept) == 2


@pytest.mark.parametrize("mode", ["upsert", "append", "full_refresh"])
def test_a_merge_that_succeeded_but_was_reported_as_a_conflict_is_repeated_without_effect(
    loads: Loads, mode: LoadMode
) -> None:
    def report_conflict(real: Callable[..., Any], times: int, **request: Any) -> Any:
        answer = real(**request)
        if times > 1:
            return answer
        assert ended(loads, answer["Id"]) == "FINISHED"
        rest = {name: value for name, value in request.items() if name not in ("Parameters", "ClientToken")}
        return real(**{**rest, "Sqls": ["CALL public.conflict()"]})

    conflicting(loads)
    alive = loads.client
    loads.client = Failing(alive, is_step("merge"), report_conflict)  # type: ignore[assignment]
    table = things(mode)

    outcome = loads.load(table, {batch_id(1): [row(1, 1, "one"), row(2, 1, "two")]})

    assert loads.client.times == 2  # type: ignore[attr-defined]
    assert loads.rows() == [stored(row(1, 1, "one"), batch_id(1)), stored(row(2, 1, "two"), batch_id(1))]
    assert counts(outcome) == {batch_id(1): (2, 2, 0, 0)}
    assert loads.audit() == [("things", batch_id(1), "2026-11-20T01", mode, 2, 2, 0, 0)]


def test_loads_of_two_datasets_at_once_do_not_disturb_each_other(loads: Loads) -> None:
    """They share the audit table, which the first of them makes."""
    names = ("things", "parts", "bits")
    tables = {name: things(name=name) for name in names}
    ids = {name: [batch_id(hour, dataset=name) for hour in range(3)] for name in names}
    everybody = {name: Loads(loads.s3, loads.client, loads.bucket) for name in names}

    def load(name: str) -> list[str]:
        contract = contract_of(tables[name], dataset=name)
        errors = []
        for number, batch in enumerate(ids[name]):
            file = loads.publish(tables[name], batch, [row(1, number, "x"), row(number + 2, 1, "y")])
            claim = everybody[name].dispatch(contract, {batch: {name: (file,)}}, claim=f"{loads.bucket}-{batch}")
            errors += [result.error for result in everybody[name].run(contract, claim).values()]
        return errors

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(load, names)) == [["", "", ""]] * 3

    for name in names:
        first, second, third = ids[name]
        assert loads.rows(name) == [
            stored(row(1, 2, "x"), third),
            stored(row(2, 1, "y"), first),
            stored(row(3, 1, "y"), second),
            stored(row(4, 1, "y"), third),
        ]
    assert [entry[1] for entry in loads.audit()] == [batch for name in sorted(names) for batch in ids[name]]


def test_a_missing_file_fails_its_batch_alone(loads: Loads) -> None:
    batches = published(loads, b1=[row(1, 1, "one")], b2=[row(2, 1, "two")], b3=[row(3, 1, "three")])
    claim = loads.dispatch(CONTRACT, batches)
    gone = batches[batch_id(2)]["things"][0].url
    loads.s3.delete_object(Bucket=loads.bucket, Key=gone.removeprefix(f"s3://{loads.bucket}/"))

    outcome = loads.run(CONTRACT, claim)

    assert loads.rows() == [stored(row(1, 1, "one"), batch_id(1)), stored(row(3, 1, "three"), batch_id(3))]
    assert {batch: bool(result.error) for batch, result in outcome.items()} == {
        batch_id(1): False, batch_id(2): True, batch_id(3): False,
    }  # fmt: skip
    assert gone in outcome[batch_id(2)].error
    assert [entry[1] for entry in loads.audit()] == [batch_id(1), batch_id(3)]
    assert loads.staging_tables() == []


def test_a_file_with_fewer_rows_than_were_published_fails_its_batch_alone(loads: Loads) -> None:
    batches = published(loads, b1=[row(1, 1, "one")], b2=[row(2, 1, "two")])
    file = batches[batch_id(2)]["things"][0]
    batches[batch_id(2)] = {"things": (PublishedFile(file.url, file.size_bytes, 3),)}

    outcome = loads.run(CONTRACT, loads.dispatch(CONTRACT, batches))

    assert loads.rows() == [stored(row(1, 1, "one"), batch_id(1))]
    assert outcome[batch_id(1)].error == ""
    assert outcome[batch_id(2)].error == (
        f"AccountingError: table public.things: batch {batch_id(2)}: 3 rows were published, but its files hold 1"
    )


def test_rows_of_a_batch_that_is_not_in_the_load_are_refused(loads: Loads) -> None:
    lineage = (batch_id(7), "s3://raw/x")
    file = loads.publish_arrow(THINGS, batch_id(1), arrow_table(THINGS, [(*row(1, 1, "stray"), *lineage)]))

    outcome = loads.run(CONTRACT, loads.dispatch(CONTRACT, {batch_id(1): {"things": (file,)}}))

    assert loads.rows() == []
    assert outcome[batch_id(1)].error.startswith("AccountingError: ")
    assert loads.audit() == []


def test_a_file_of_another_shape_fails_its_batch_with_the_warehouse_s_own_words(loads: Loads) -> None:
    other = things(columns=THINGS.columns[:3])
    file = replace(loads.publish(other, batch_id(1), [(1, 1, "one")]), columns=())

    outcome = loads.run(CONTRACT, loads.dispatch(CONTRACT, {batch_id(1): {"things": (file,)}}))

    assert "Unmatched number of columns" in outcome[batch_id(1)].error
    assert loads.rows() == []


def test_a_run_without_input_decides_nothing(loads: Loads) -> None:
    with pytest.raises(MissingObjectError):
        loads.run(CONTRACT, "no-such-claim")

    assert not loads.documents.exists(loads.processed.load_outcome("no-such-claim"))


def test_a_run_for_another_dataset_than_its_claim_s_decides_nothing(loads: Loads) -> None:
    claim = loads.dispatch(CONTRACT, {})
    other = LoadInput(claim, "others", {})
    loads.documents.write(loads.processed.load_input(claim), other.to_json())

    with pytest.raises(TerminalError, match=rf"is for claim {claim} of others, not for claim {claim} of things"):
        loads.run(CONTRACT, claim)


def test_the_outcome_document_has_every_batch_once(loads: Loads) -> None:
    claim = loads.dispatch(CONTRACT, published(loads, b1=[row(1, 1, "one")], b2=[row(2, 1, "two")]))

    loads.run(CONTRACT, claim)

    outcome = json.loads(loads.documents.read(loads.processed.load_outcome(claim)))
    zero = {"inserted": 1, "staged": 1, "stale": 0, "updated": 0}
    assert outcome == {
        "claim_id": claim,
        "batches": [
            {"batch_id": batch_id(hour), "error": "", "is_transient": False, "tables": {"things": zero}, "verdict": ""}
            for hour in (1, 2)
        ],
        "refresh": {},
        "schema": 1,
    }


def test_the_audit_says_when_and_for_which_claim(loads: Loads) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    claim = loads.dispatch(CONTRACT, published(loads, b1=[row(1, 1, "one")]))

    loads.run(CONTRACT, claim)

    ((dataset, schema, claim_id, at),) = loads.warehouse.rows(
        "SELECT dataset, table_schema, claim_id, loaded_at FROM sluice.load_audit"
    )
    assert (dataset, schema, claim_id) == ("things", "public", claim)
    assert abs((at - before).total_seconds()) < 60

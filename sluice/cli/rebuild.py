"""`sluice rebuild`: a dataset's tables made again after a change of its contract that cannot be made in place."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from sluice.aws.failures import aws_errors
from sluice.cli.options import GlobalOptions
from sluice.cli.replay import replay_of
from sluice.cli.session import Session
from sluice.contract import Contract
from sluice.errors import CommandError, LayoutError
from sluice.lake.layout import Partition
from sluice.ledger.replay import Replay, ReplayPlan
from sluice.names import BOOTSTRAP_FUNCTION
from sluice.terminal import err, out, progress_of, say, table_of
from sluice.warehouse.quoting import qualified

MOST_BATCHES = 100_000
# https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RELATION_PRIVILEGES.html
_READERS = (
    "SELECT identity_name, identity_type FROM svv_relation_privileges WHERE namespace_name = :table_schema "
    "AND relation_name = :table_name AND privilege_type = 'SELECT' ORDER BY identity_type, identity_name"
)
_TABLES = "SELECT table_name FROM svv_tables WHERE table_schema = :schema_name"


def rebuild(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The dataset.", show_default=False)],
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without it is only shown what would be done.")] = False,
) -> None:
    """Make a dataset's warehouse tables again: drop them, and convert and load all its partitions again.

    For changes of a contract that no table can follow, such as an integer that becomes a decimal. Deploy the new
    contract first. Every partition is checked before anything is dropped. Who could read a table, can read it again;
    the deployed bootstrap makes it. Until its partitions are loaded, a table lacks their rows. A call that was stopped
    is taken up by calling it again.
    """
    session = Session(context.ensure_object(GlobalOptions))
    if apply:
        session.expect_write()
    contract = session.contract(dataset)
    replays = replay_of(session)
    with err().status("looking at every partition"):
        plans = replays.plan_all(dataset, _partitions(session, contract))
        tables = _tables(session, contract)
    rows = [*((f"drop {name}", f"{count} rows") for name, count in tables)]
    rows += [(f"replay {dataset} {plan.partition.label}", f"{plan.files or 'its'} files") for plan in plans]
    out().print(table_of(("step", "what it has"), rows))
    if not apply:
        say(f"{len(tables)} tables and {len(plans)} partitions; nothing was changed, --apply does it")
        return
    _make_again(session, [name for name, _ in tables])
    _write(replays, plans)
    say(f"watch them: sluice status --dataset {dataset} --watch")


def _partitions(session: Session, contract: Contract) -> list[Partition]:
    """Every partition of a dataset that has an accepted batch, in the order of time.

    Raises:
        CommandError: There is none, or there are too many to know them all.
    """
    batches = session.ledger.batches(contract.dataset, limit=MOST_BATCHES)
    if len(batches) == MOST_BATCHES:
        raise CommandError(f"{contract.dataset} has more than {MOST_BATCHES} batches: drop and replay it by ranges")
    labels = {batch.partition for batch in batches if batch.state.is_accepted}
    if not labels:
        raise CommandError(f"the ledger knows no batch of {contract.dataset} that could be loaded again")
    try:
        found = sorted(map(Partition.parse, labels))
    except LayoutError as exc:
        raise CommandError(f"{contract.dataset}: {exc}") from exc
    others = [one.label for one in found if one.is_hourly != contract.layout.is_hourly]
    if others:
        raise CommandError(
            f"{contract.dataset}: partition {others[0]} is of another layout than {contract.layout.pattern!r}"
        )
    return found


def _tables(session: Session, contract: Contract) -> list[tuple[str, int]]:
    """The dataset's tables that the warehouse has, with their rows."""
    schema = session.settings.warehouse_schema
    there = {str(name) for (name,) in session.warehouse.rows(_TABLES, {"schema_name": schema}, label="list tables")}
    found = []
    for table in contract.tables:
        if table.name in there:
            sql = f"SELECT COUNT(*) FROM {qualified(schema, table.name)}"  # noqa: S608 - a quoted name
            [(count,)] = session.warehouse.rows(sql, label=f"count {table.name}")
            found.append((table.name, int(count)))
    return found


def _make_again(session: Session, tables: Sequence[str]) -> None:
    """Drop tables and have the bootstrap make them, with the rights of Sluice's parts and of those who could read."""
    schema = session.settings.warehouse_schema
    given = [sql for name in tables for sql in _readers(session, schema, name)]
    for name in tables:
        session.warehouse.execute(f"DROP TABLE IF EXISTS {qualified(schema, name)}")
    function = session.settings.prefix + BOOTSTRAP_FUNCTION
    with aws_errors(f"invoke {function}"):
        answer = session.clients.lambda_.invoke(FunctionName=function, Payload=b"{}")
    if answer.get("FunctionError") is not None:
        said = json.loads(answer["Payload"].read())
        raise CommandError(f"function {function} failed: {said.get('errorMessage', said)}; deploy, and call this again")
    for sql in given:
        session.warehouse.execute(sql)


def _readers(session: Session, schema: str, table: str) -> list[str]:
    """The statements that give a table's readers their right again."""
    rows = session.warehouse.rows(_READERS, {"table_schema": schema, "table_name": table}, label=f"readers of {table}")
    kinds = {"role": "ROLE ", "group": "GROUP "}
    return [
        f"GRANT SELECT ON TABLE {qualified(schema, table)} TO "
        + ("PUBLIC" if kind == "public" else f'{kinds.get(str(kind), "")}"{name}"')
        for name, kind in rows
    ]


def _write(replays: Replay, plans: Sequence[ReplayPlan]) -> None:
    with progress_of(len(plans), err(), "replaying") as progress:
        task = progress.task_ids[0]
        for plan in plans:
            progress.update(task, description=plan.partition.label)
            replays.write(plan)
            progress.advance(task)

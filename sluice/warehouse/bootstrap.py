"""What makes a warehouse ready: all statements, in order, each of which may be run again at any time.

They must be run by its administrator, who then owns everything; the parts come in as users of their own, which are made
here with their rights. Each statement runs alone: Redshift creates no external schema inside a transaction block.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_SCHEMA.html and
https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sluice.contract.model import Contract
from sluice.settings import Settings
from sluice.warehouse.aggregate import Plan, plans
from sluice.warehouse.books import create_books
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.parts import create_user, is_there, own_procedure, users
from sluice.warehouse.parts import grants as own_grants
from sluice.warehouse.procedure import Schemas, create_aggregate, procedure_name
from sluice.warehouse.quoting import iam_role, identifier, literal
from sluice.warehouse.target import Target, create_target

_GRANTEE = re.compile(r"[\w+=,.@:-]{1,127}", re.ASCII)
_EVERYBODYS_SCHEMA = "public"


@dataclass(frozen=True)
class Grants:
    """Who may do what, beside the owner of everything and Sluice's own parts.

    Database users that exist; the user of an IAM role is called ``IAMR:`` and the role's name.
    Source: https://docs.aws.amazon.com/redshift/latest/mgmt/query-editor-v2-glue.html

    Attributes:
        readers: Who reads the tables, the published files and the aggregates.
        callers: Who calls the procedures that refresh aggregates; they need no other right.
    """

    readers: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One statement of the bootstrap.

    Attributes:
        label: What it is for, for messages and logs.
        sql: The statement.
        unless: A query; when it has rows, the statement is not needed. Empty: it may be run twice.
    """

    label: str
    sql: str
    unless: str = ""


def create_own() -> tuple[tuple[str, str], ...]:
    """The statements that make the tables that Sluice keeps for itself, each after its label."""
    return (
        ("audit: create_schema", fixed_sql("audit")["create_schema"]),
        ("audit: create_table", fixed_sql("audit")["create_table"]),
    )


def bootstrap_steps(
    settings: Settings, contracts: Mapping[str, Contract], grants: Grants | None = None
) -> tuple[Step, ...]:
    """Everything that a warehouse needs before the first load, and again after a change of contracts or aggregates.

    Target tables that exist are left as they are; the loads bring them up to their contracts.

    Args:
        settings: Names of the schemas, the catalog database and the role.
        contracts: The contracts of all datasets.
        grants: Who gets which rights; nobody when not given.

    Raises:
        AggregateError: An aggregate does not go with the contracts.
        ValueError: A name or a role is none.
    """
    schemas = Schemas.from_settings(settings)
    made = plans(contracts, settings.warehouse_schema)
    return (
        *(Step(label, sql) for label, sql in create_own()),
        *_targets(settings, contracts),
        Step(f"schema {settings.spectrum_schema}", external_schema(settings)),
        Step(f"schema {schemas.aggregates}", f"CREATE SCHEMA IF NOT EXISTS {identifier(schemas.aggregates)}"),
        *(Step(f"aggregate {plan.aggregate.name}", sql) for plan in made for sql in create_aggregate(plan, schemas)),
        *(Step(f"user {user}", create_user(user), is_there(user)) for user in users(settings)),
        *(Step(f"grant to {grant.user}", grant.sql) for grant in own_grants(settings, contracts, made)),
        *(Step(f"owner of {plan.aggregate.name}", own_procedure(settings, plan)) for plan in made),
        *_granted(settings, made, grants or Grants()),
    )


def _targets(settings: Settings, contracts: Mapping[str, Contract]) -> Iterator[Step]:
    schema = settings.warehouse_schema
    if schema != _EVERYBODYS_SCHEMA:
        # Also where there is no contract yet: grants name the schema.
        yield Step(f"schema {schema}", f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
    for contract in contracts.values():
        for table in contract.tables:
            target = Target(contract.dataset, schema, table)
            yield Step(f"table {target}", create_target(target)[-1])
            yield from (Step(f"books of {target}", sql) for sql in create_books(target))


def external_schema(settings: Settings) -> str:
    """The statement that makes the external schema over the processed database when it does not exist.

    Args:
        settings: Names of the schema, the database and the role.

    Raises:
        ValueError: A name or the role is none.
    """
    return (
        f"CREATE EXTERNAL SCHEMA IF NOT EXISTS {identifier(settings.spectrum_schema)} "
        f"FROM DATA CATALOG DATABASE {literal(settings.processed_database)} IAM_ROLE {iam_role(settings.copy_role)}"
    )


def _granted(settings: Settings, made: Sequence[Plan], grants: Grants) -> Iterator[Step]:
    schemas = Schemas.from_settings(settings)
    for reader in grants.readers:
        who = _grantee(reader)
        # The tables of an external schema are not granted one by one.
        for schema in (settings.warehouse_schema, schemas.published, schemas.aggregates):
            yield Step(f"grant to {reader}", f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {who}")
        for schema in (settings.warehouse_schema, schemas.aggregates):
            yield Step(f"grant to {reader}", f"GRANT SELECT ON ALL TABLES IN SCHEMA {identifier(schema)} TO {who}")
    for caller in grants.callers:
        who = _grantee(caller)
        yield Step(f"grant to {caller}", f"GRANT USAGE ON SCHEMA {identifier(schemas.aggregates)} TO {who}")
        for plan in made:
            procedure = f"{procedure_name(plan.aggregate, schemas)}(varchar)"
            yield Step(f"grant to {caller}", f"GRANT EXECUTE ON PROCEDURE {procedure} TO {who}")


def _grantee(name: str) -> str:
    if not _GRANTEE.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of a database user")
    return f'"{name}"'

"""Database users of Sluice's parts, and what each may do: what it needs alone, and nothing that stays is its own.

A part comes in by IAM, as the database user of its role. The bootstrap makes these users and gives them their rights;
it alone comes in as the administrator. The user of the load owns the staging tables of its own runs. The procedures of
the aggregates run as their owner, a user as whom nobody comes in.

Source: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html,
https://docs.aws.amazon.com/redshift/latest/mgmt/query-editor-v2-glue.html (the name of a role's user) and
https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html. AWS does not document which right LOCK needs; PostgreSQL 8,
from which Redshift comes, asks for UPDATE or DELETE.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sluice.contract.model import Contract
from sluice.names import SYNC_FUNCTION
from sluice.settings import Settings
from sluice.warehouse.aggregate import Plan
from sluice.warehouse.audit import AUDIT
from sluice.warehouse.procedure import Schemas, guard_name, procedure_name
from sluice.warehouse.quoting import OWN_SCHEMA, identifier, literal, qualified
from sluice.warehouse.target import Target


@dataclass(frozen=True)
class Grant:
    """One right of one part.

    Attributes:
        user: The database user.
        rights: Such as SELECT, INSERT.
        objects: On what, as SQL has it.
    """

    user: str
    rights: tuple[str, ...]
    objects: str

    @property
    def sql(self) -> str:
        """The statement that gives it; given twice it is as given once."""
        return f'GRANT {", ".join(self.rights)} ON {self.objects} TO "{self.user}"'

    @property
    def revoked(self) -> str:
        """The statement that takes it away."""
        return f'REVOKE {", ".join(self.rights)} ON {self.objects} FROM "{self.user}"'


def iam_user(role: str) -> str:
    """The database user of an IAM role.

    Args:
        role: The role's name.
    """
    return f"IAMR:{role}"


def load_user(settings: Settings) -> str:
    """Who loads: the role of the load job."""
    return iam_user(settings.load_job)


def refresh_user(settings: Settings) -> str:
    """Who refreshes the aggregates: the role of the state machine."""
    return iam_user(settings.load_machine)


def sync_user(settings: Settings) -> str:
    """Who compares tables with their contracts, and lets them follow: the role of the schema sync."""
    return iam_user(f"{settings.prefix}{SYNC_FUNCTION}")


def procedures_owner(settings: Settings) -> str:
    """Whose rights the procedures of the aggregates have."""
    return f"{settings.prefix}aggregates"


def users(settings: Settings) -> tuple[str, ...]:
    """The database users of all parts, and the owner of the procedures."""
    return load_user(settings), refresh_user(settings), sync_user(settings), procedures_owner(settings)


def is_there(user: str) -> str:
    """The query that has a row when a user is there; Redshift has no CREATE USER IF NOT EXISTS."""
    return f"SELECT usename FROM pg_user WHERE LOWER(usename) = LOWER({literal(user)})"


def create_user(user: str) -> str:
    """The statement that makes a user who comes in by IAM only."""
    return f'CREATE USER "{user}" PASSWORD DISABLE'


def own_procedure(settings: Settings, plan: Plan) -> str:
    """The statement that gives an aggregate's procedure to its owner, after his rights.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-security-and-privileges.html (with SECURITY
    DEFINER a procedure has its owner's rights)
    """
    name = procedure_name(plan.aggregate, Schemas.from_settings(settings))
    return f'ALTER PROCEDURE {name}(varchar) OWNER TO "{procedures_owner(settings)}"'


def grants(settings: Settings, contracts: Mapping[str, Contract], plans: Iterable[Plan]) -> Iterator[Grant]:
    """The rights of all parts.

    Args:
        settings: Names of schemas and roles.
        contracts: The contracts of all datasets.
        plans: Their aggregates.
    """
    targets = [
        [Target(contract.dataset, settings.warehouse_schema, table) for table in contract.tables]
        for contract in contracts.values()
    ]
    schema = f"SCHEMA {identifier(settings.warehouse_schema)}"
    own = f"SCHEMA {identifier(OWN_SCHEMA)}"

    load = load_user(settings)
    yield Grant(load, ("USAGE",), schema)
    yield Grant(load, ("CREATE", "USAGE"), own)
    yield Grant(load, ("INSERT",), f"TABLE {AUDIT}")
    for tables in targets:
        yield Grant(load, ("SELECT", "INSERT", "UPDATE", "DELETE", "ALTER"), _tables(it.sql for it in tables))
        yield Grant(load, ("SELECT", "INSERT", "UPDATE"), _tables(it.loads for it in tables))
        yield Grant(load, ("SELECT", "INSERT"), _tables(it.dates for it in tables))

    schemas = Schemas.from_settings(settings)
    published, aggregates = f"SCHEMA {identifier(schemas.published)}", f"SCHEMA {identifier(schemas.aggregates)}"
    refresh, owner = refresh_user(settings), procedures_owner(settings)
    yield Grant(refresh, ("USAGE",), aggregates)
    yield from (Grant(owner, ("USAGE",), name) for name in (schema, own, published))
    # Who is to own a procedure may create in its schema.
    yield Grant(owner, ("CREATE", "USAGE"), aggregates)
    for plan in plans:
        yield Grant(refresh, ("EXECUTE",), f"PROCEDURE {procedure_name(plan.aggregate, schemas)}(varchar)")
        read = dict.fromkeys((plan.facts.sql, *(link.target.sql for link in plan.links)))
        yield Grant(owner, ("SELECT",), _tables(read))
        table = qualified(schemas.aggregates, plan.aggregate.name)
        yield Grant(owner, ("SELECT", "INSERT", "DELETE"), _tables([table]))
        yield Grant(owner, ("UPDATE",), _tables([guard_name(plan.aggregate)]))

    sync = sync_user(settings)
    yield from (Grant(sync, ("USAGE",), name) for name in (schema, own, published))
    for tables in targets:
        yield Grant(sync, ("SELECT", "UPDATE", "ALTER"), _tables(it.sql for it in tables))
        yield Grant(sync, ("UPDATE",), _tables(it.loads for it in tables))


def _tables(names: Iterable[str]) -> str:
    return f"TABLE {', '.join(names)}"

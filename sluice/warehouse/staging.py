"""Staging tables: private to a run, in the exact column order of the Parquet files, filled by COPY."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sluice.contract.model import BATCH_ID
from sluice.contract.sqltype import SqlType
from sluice.warehouse.quoting import OWN_SCHEMA, iam_role, identifier, lines, object_url, qualified
from sluice.warehouse.stored import Stored
from sluice.warehouse.target import Target

_RUN_CHARACTERS = 12


@dataclass(frozen=True)
class Staging:
    """One staging table.

    Attributes:
        target: The table that it is loaded into.
        run: What makes the name unique, as `run_name` gives it.
        stored: The columns of the files; those of today's contract when not given.
    """

    target: Target
    run: str
    stored: Stored | None = None

    @cached_property
    def columns(self) -> Mapping[str, SqlType]:
        """What stands in the files, in their order."""
        return dict((self.stored or Stored.of_table(self.target.table)).types)

    @property
    def name(self) -> str:
        """Name of the table in Sluice's own schema."""
        return f"stage_{self.target.table.name}_{self.run}"

    @property
    def sql(self) -> str:
        """The table's name with its schema."""
        return qualified(OWN_SCHEMA, self.name)


def run_name(*parts: str) -> str:
    """A short name that is the same for the same parts and different for others.

    Args:
        parts: What identifies the work, such as claim id, Glue run id and batch.
    """
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_RUN_CHARACTERS]


def leftovers(table: str, names: Iterable[str]) -> tuple[str, ...]:
    """The staging tables of one target among the tables of Sluice's own schema.

    Args:
        table: Name of the target table.
        names: Names of the tables in Sluice's own schema.
    """
    form = re.compile(rf"stage_{re.escape(table)}_[0-9a-f]{{{_RUN_CHARACTERS}}}")
    return tuple(name for name in names if form.fullmatch(name))


def stage(staging: Staging, manifest_url: str | None, role: str) -> tuple[str, ...]:
    """The transaction that makes a staging table and fills it.

    Args:
        staging: The staging table.
        manifest_url: Manifest of the Parquet files; None when there is no file, because a COPY of nothing fails.
        role: IAM role of the COPY: ``default`` or an ARN.
    """
    target = staging.target
    statements = (drop_stage(staging.name), f"CREATE TABLE {staging.sql} {plain_columns(target, staging.columns)}")
    return statements if manifest_url is None else (*statements, _copy(staging, manifest_url, role))


def drop_stage(name: str) -> str:
    """The statement that removes a staging table."""
    return f"DROP TABLE IF EXISTS {qualified(OWN_SCHEMA, name)}"


def count_staged(staging: Staging) -> str:
    """The query of how many rows of which batch were staged."""
    batch = identifier(BATCH_ID)
    return f"SELECT {batch}, COUNT(*) FROM {staging.sql} GROUP BY {batch} ORDER BY {batch}"


def plain_columns(target: Target, types: Mapping[str, SqlType]) -> str:
    """Columns and distribution of a table that holds rows on their way into the target, on the same nodes as there."""
    columns = ",\n".join(f"{identifier(name)} {kind.redshift}" for name, kind in types.items())
    key = target.table.redshift.dist_key
    distribution = "DISTSTYLE EVEN" if key is None or key not in types else f"DISTSTYLE KEY DISTKEY ({identifier(key)})"
    return lines("(", columns, f") {distribution}")


def _copy(staging: Staging, manifest_url: str, role: str) -> str:
    """COPY from Parquet goes by position and takes few options; any error fails it.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
    """
    return lines(
        f"COPY {staging.sql}",
        f"FROM {object_url(manifest_url)}",
        f"IAM_ROLE {iam_role(role)}",
        "FORMAT AS PARQUET MANIFEST",
    )

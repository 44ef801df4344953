"""CREATE EXTERNAL SCHEMA over the Data Catalog.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_SCHEMA.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from localcloud.redshift.dialect.copy_command import read_role
from localcloud.redshift.dialect.lexer import quote_text
from localcloud.redshift.dialect.prepared import Prepared, Scope
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.errors import NotInStandInError, SqlError

_OTHER_SOURCES = frozenset({"hive", "postgres", "mysql", "kinesis", "msk", "kafka", "redshift"})
_NOT_HERE = frozenset(
    {"schema", "uri", "port", "secret_arn", "authentication", "authentication_arn", "cluster_arn", "catalog_role",
     "catalog_id"}
)  # fmt: skip


@dataclass
class ExternalSchemaDefinition:
    """One CREATE EXTERNAL SCHEMA.

    Attributes:
        name: of the schema in the warehouse.
        database: of the Data Catalog.
        region: of the Data Catalog; empty means the warehouse's own.
        role: ``default``, ``SESSION`` or an ARN.
        if_missing: whether a schema of the name may be there already.
        creates_database: whether the database of the catalog is made when it is missing.
    """

    name: str
    database: str = ""
    region: str = ""
    role: str = ""
    if_missing: bool = False
    creates_database: bool = False

    @property
    def options(self) -> str:
        """The options as the system views show them, a JSON object."""
        options = {"IAM_ROLE": self.role, **({"REGION": self.region} if self.region else {})}
        return json.dumps(options, separators=(",", ":"))


def create_external_schema(sql: str) -> Prepared:
    """Prepare CREATE EXTERNAL SCHEMA, which runs in no transaction block."""
    schema = read_external_schema(sql)
    values = ", ".join(quote_text(value) for value in (schema.name, schema.database, schema.options))
    if_missing = str(schema.if_missing).lower()
    step = f"CALL pg_catalog.redshift_create_external_schema({values}, {if_missing})"
    return Prepared("create external schema", (step,), scope=Scope.ALONE)


def read_external_schema(sql: str) -> ExternalSchemaDefinition:
    """Read CREATE EXTERNAL SCHEMA.

    Raises:
        SqlError: the grammar is broken, or DATABASE or IAM_ROLE is missing.
    """
    reader = Reader(sql)
    reader.expect("create", "external", "schema")
    if_missing = reader.take("if", "not", "exists")
    schema = ExternalSchemaDefinition(reader.name(), if_missing=if_missing)
    reader.expect("from")
    _source(reader)
    while not reader.at_end:
        _option(reader, schema)
    if not schema.database:
        raise SqlError("DATABASE is required for an external schema over the data catalog")
    if not schema.role:
        raise SqlError("IAM_ROLE is required for an external schema over the data catalog")
    return schema


def _source(reader: Reader) -> None:
    token = reader.peek()
    if token is not None and token.key in _OTHER_SOURCES:
        raise NotInStandInError(f"CREATE EXTERNAL SCHEMA FROM {token.text.upper()}")
    # DATA CATALOG is what is meant when it is left out.
    if not reader.looks_at("database"):
        reader.expect("data", "catalog")


def _option(reader: Reader, schema: ExternalSchemaDefinition) -> None:
    if not schema.database and reader.take("database"):
        # The Data Catalog folds names to lower case.
        schema.database = reader.string().lower()
    elif not schema.region and reader.take("region"):
        schema.region = reader.string()
    elif not schema.role and reader.take("iam_role"):
        schema.role = read_role(reader, may_be_session=True)
    elif reader.take("create", "external", "database", "if", "not", "exists"):
        schema.creates_database = True
    else:
        token = reader.peek()
        if token is not None and token.key in _NOT_HERE:
            raise NotInStandInError(f"CREATE EXTERNAL SCHEMA with {token.text.upper()}")
        raise reader.error()

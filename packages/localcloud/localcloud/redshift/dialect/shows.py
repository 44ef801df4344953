"""SHOW of schemas, tables, columns and databases.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLES.html, r_SHOW_SCHEMAS.html, r_SHOW_COLUMNS.html,
r_SHOW_DATABASES.html
"""

from __future__ import annotations

from localcloud.redshift.database import DATABASE
from localcloud.redshift.dialect.lexer import quote_name, quote_text
from localcloud.redshift.dialect.prepared import Prepared
from localcloud.redshift.dialect.reader import Reader
from localcloud.redshift.errors import SqlError

_SCHEMAS = """
SELECT database_name, schema_name, schema_owner, schema_type, schema_acl, source_database, schema_option
FROM svv_all_schemas{where} ORDER BY schema_name"""
_TABLES = """
SELECT database_name, schema_name, table_name, table_type, table_acl, remarks
FROM svv_all_tables WHERE schema_name = {schema}{where} ORDER BY table_name"""
_COLUMNS = """
SELECT database_name, schema_name, table_name, column_name, ordinal_position, column_default, is_nullable, data_type,
       character_maximum_length, numeric_precision, numeric_scale, remarks
FROM svv_all_columns WHERE schema_name = {schema} AND table_name = {table}{where} ORDER BY ordinal_position"""
_DATABASES = """
SELECT database_name, database_owner, database_type, database_acl, database_options AS parameters,
       database_isolation_level
FROM svv_redshift_databases{where} ORDER BY database_name"""


def show_schemas(sql: str) -> Prepared:
    """Prepare SHOW SCHEMAS FROM DATABASE name."""
    reader = Reader(sql)
    reader.expect("show", "schemas", "from")
    reader.take("database")
    _require_database(reader.name())
    return _prepared(_SCHEMAS, reader, "schema_name", first=True)


def show_tables(sql: str) -> Prepared:
    """Prepare SHOW TABLES FROM SCHEMA database.schema."""
    reader = Reader(sql)
    reader.expect("show", "tables", "from")
    reader.take("schema")
    table = reader.table()
    if table.schema:
        _require_database(table.schema)
    return _prepared(_TABLES, reader, "table_name", schema=quote_text(table.name))


def show_columns(sql: str) -> Prepared:
    """Prepare SHOW COLUMNS FROM TABLE database.schema.table."""
    reader = Reader(sql)
    reader.expect("show", "columns", "from")
    reader.take("table")
    table = reader.table()
    if table.schema is None:
        raise SqlError("SHOW COLUMNS needs the schema of the table")
    return _prepared(_COLUMNS, reader, "column_name", schema=quote_text(table.schema), table=quote_text(table.name))


def show_databases(sql: str) -> Prepared:
    """Prepare SHOW DATABASES."""
    reader = Reader(sql)
    reader.expect("show", "databases")
    return _prepared(_DATABASES, reader, "database_name", first=True)


def show_table(sql: str) -> Prepared:
    """Prepare SHOW TABLE: the statement that makes a table again.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLE.html
    """
    return _definition(sql, "table", "pg_catalog.redshift_table_ddl({})", "Show Table DDL statement")


def show_view(sql: str) -> Prepared:
    """Prepare SHOW VIEW: the query of a view.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_VIEW.html
    """
    return _definition(sql, "view", "pg_catalog.pg_get_viewdef({}::oid)", "Show View DDL statement")


def _definition(sql: str, kind: str, call: str, label: str) -> Prepared:
    reader = Reader(sql)
    reader.expect("show", kind)
    table = reader.table()
    reader.end()
    found = call.format(f"{quote_text(table.sql)}::regclass")
    kinds = "'v', 'm'" if kind == "view" else "'r'"
    query = (
        f"SELECT {found} AS {quote_name(label)} FROM pg_class"  # noqa: S608 - quoted
        f" WHERE oid = {quote_text(table.sql)}::regclass AND relkind IN ({kinds})"
    )
    return Prepared("show", (query,))


def _require_database(name: str) -> None:
    if name != DATABASE:
        raise SqlError(f'database "{name}" does not exist')


def _prepared(query: str, reader: Reader, column: str, *, first: bool = False, **names: str) -> Prepared:
    where = ""
    if reader.take("like"):
        where = f" {'WHERE' if first else 'AND'} {column} LIKE {quote_text(reader.string())}"
    limit = f" LIMIT {reader.integer()}" if reader.take("limit") else ""
    reader.end()
    return Prepared("show", (query.format(where=where, **names).strip() + limit,))

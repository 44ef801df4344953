"""ListDatabases, ListSchemas, ListTables and DescribeTable, from the catalog.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_ListTables.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from localcloud.redshift import requests
from localcloud.redshift.credentials import Login
from localcloud.redshift.database import DATABASE, Database
from localcloud.redshift.errors import SqlError, ValidationError
from localcloud.redshift.results import Json

Body = Mapping[str, object]
_LIMIT = 1000
_SCHEMAS = """
    SELECT nspname FROM pg_namespace
    WHERE nspname LIKE %s AND nspname !~ '^pg_(toast|temp|ext_)' ORDER BY nspname
"""
_TABLES = """
    SELECT t.table_name, t.table_schema, t.table_type FROM svv_tables t
    WHERE t.table_schema LIKE %s AND t.table_name LIKE %s AND t.table_schema NOT IN ('pg_toast')
    ORDER BY t.table_schema, t.table_name
"""
_COLUMNS = """
    SELECT c.column_name, c.data_type, c.column_default, c.is_nullable, c.character_maximum_length,
           c.numeric_precision, c.numeric_scale, c.table_schema, c.table_name
    FROM svv_columns c WHERE c.table_schema = %s AND c.table_name = %s ORDER BY c.ordinal_position
"""


class Metadata:
    """Answers questions about the catalog.

    Args:
        database: gives connections.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def operations(self) -> dict[str, Callable[[Body, Login | None], Json]]:
        """The operations by name; each takes the request and the user that it runs as."""
        return {
            "ListDatabases": self._list_databases,
            "ListSchemas": self._list_schemas,
            "ListTables": self._list_tables,
            "DescribeTable": self._describe_table,
        }

    def _list_databases(self, _body: Body, login: Login | None) -> Json:
        self._rows("SELECT 1", (), login)
        return {"Databases": [DATABASE]}

    def _list_schemas(self, body: Body, login: Login | None) -> Json:
        _check(body)
        rows = self._rows(_SCHEMAS, (requests.text(body, "SchemaPattern") or "%",), login)
        return _paged(body, "Schemas", [row[0] for row in rows])

    def _list_tables(self, body: Body, login: Login | None) -> Json:
        _check(body)
        patterns = (requests.text(body, "SchemaPattern") or "%", requests.text(body, "TablePattern") or "%")
        kinds = {"BASE TABLE": "TABLE", "LOCAL TEMPORARY": "TABLE"}
        tables = [
            {"name": name, "schema": schema, "type": kinds.get(str(kind), kind)}
            for name, schema, kind in self._rows(_TABLES, patterns, login)
        ]
        return _paged(body, "Tables", tables)

    def _describe_table(self, body: Body, login: Login | None) -> Json:
        _check(body)
        schema = requests.text(body, "Schema") or "public"
        table = requests.text(body, "Table", required=True) or ""
        columns = [_column(row) for row in self._rows(_COLUMNS, (schema, table), login)]
        return {**_paged(body, "ColumnList", columns), "TableName": table}

    def _rows(self, query: str, values: tuple[str, ...], login: Login | None) -> list[tuple[object, ...]]:
        try:
            connection = self._database.connect(login)
        except SqlError as error:
            # There is no statement that could fail; AWS does not document the error of this case.
            raise ValidationError(error.message) from None
        with connection:
            return connection.execute(query.encode(), values).fetchall()


def _check(body: Body) -> None:
    database = requests.text(body, "Database", required=True)
    if database != DATABASE:
        raise ValidationError(f'database "{database}" does not exist')


def _paged(body: Body, name: str, found: list[object] | list[Json] | list[dict[str, object]]) -> Json:
    limit = requests.integer(body, "MaxResults", 0, _LIMIT) or _LIMIT
    token = requests.text(body, "NextToken") or "0"
    start = int(token) if token.isdigit() else 0
    answer: Json = {name: found[start : start + limit]}
    if start + limit < len(found):
        answer["NextToken"] = str(start + limit)
    return answer


def _column(row: tuple[object, ...]) -> Json:
    name, kind, default, nullable, length, precision, scale, schema, table = row
    column: Json = {
        "name": name,
        "label": name,
        "typeName": kind,
        "nullable": int(nullable == "YES"),
        "length": length or 0,
        "precision": precision or 0,
        "scale": scale or 0,
        "schemaName": schema,
        "tableName": table,
        "isCaseSensitive": length is not None,
        "isCurrency": False,
        "isSigned": precision is not None,
    }
    return column if default is None else {**column, "columnDefault": default}

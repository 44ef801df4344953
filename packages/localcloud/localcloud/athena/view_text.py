"""The text of a view in the Data Catalog: a comment with JSON in Base64, which holds the query and its columns.

Source: Trino's Hive connector, whose encoding Athena's views have:
https://github.com/trinodb/trino/blob/master/plugin/trino-hive/src/main/java/io/trino/plugin/hive/ViewReaderUtil.java
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.athena.errors import QueryError

CATALOG = "awsdatacatalog"
_START, _END = "/* Presto View:", "*/"


@dataclass(frozen=True)
class ViewText:
    """What the text of a view holds.

    Attributes:
        sql: the query.
        database: of tables that the query names without one.
    """

    sql: str
    database: str


def read_view_text(text: str, name: str) -> ViewText:
    """Read the text of a view.

    Args:
        text: ViewOriginalText of the catalog.
        name: of the view, for messages.

    Raises:
        QueryError: it is no view of Athena's.
    """
    inner = text.strip().removeprefix(_START).removesuffix(_END).strip()
    try:
        found = json.loads(base64.b64decode(inner, validate=True))
        return ViewText(str(found["originalSql"]), str(found["schema"]))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise QueryError("HIVE_INVALID_VIEW_DATA", f"{name} is no view that Athena made") from error


def write_view_text(view: ViewText, columns: Mapping[str, str]) -> str:
    """Give ViewOriginalText.

    Args:
        view: the query and its database.
        columns: Athena's types of the columns, by name.
    """
    listed = [{"name": name, "type": kind} for name, kind in columns.items()]
    document = {"originalSql": view.sql, "catalog": CATALOG, "schema": view.database, "columns": listed}
    return f"{_START} {base64.b64encode(json.dumps(document).encode()).decode()} {_END}"

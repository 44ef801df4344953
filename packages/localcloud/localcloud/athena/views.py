"""Views: queries that the Data Catalog keeps as tables of the type VIRTUAL_VIEW.

Source: https://docs.aws.amazon.com/athena/latest/ug/create-view.html, https://docs.aws.amazon.com/athena/latest/ug/drop-view.html
and https://docs.aws.amazon.com/athena/latest/ug/show-create-view.html
"""

from localcloud.athena.catalog import VIEW, Catalog, is_view
from localcloud.athena.engine import Control, Engine, Shape
from localcloud.athena.errors import QueryError
from localcloud.athena.results import Answer, athena_type
from localcloud.athena.types import hive_type
from localcloud.athena.view_text import CATALOG, ViewText, read_view_text, write_view_text
from localcloud.athena.words import Words


class Views:
    """Makes, drops and shows views.

    Args:
        catalog: keeps them.
        engine: knows the columns of a query.
    """

    def __init__(self, catalog: Catalog, engine: Engine) -> None:
        self._catalog = catalog
        self._engine = engine

    def create(self, words: Words, database: str, control: Control) -> Answer:
        """CREATE [OR REPLACE] VIEW, from behind CREATE."""
        may_exist = words.take("OR", "REPLACE")
        words.expect("VIEW")
        name = words.table()
        words.expect("AS")
        sql = words.rest
        shape = self._engine.shape(sql, database, control)
        require_names(shape)
        own = name.database or database
        found = self._catalog.item(own, name.name)
        if found is not None and not is_view(found):
            raise QueryError("TABLE_ALREADY_EXISTS", f"Table already exists: '{CATALOG}.{own}.{name.name}'")
        if found is not None and not may_exist:
            raise QueryError("TABLE_ALREADY_EXISTS", f"View already exists: '{CATALOG}.{own}.{name.name}'")
        item = _item(name.name, sql, database, shape)
        if found is None:
            self._catalog.create(own, item)
        else:
            self._catalog.replace(own, item)
        return Answer()

    def drop(self, words: Words, database: str) -> Answer:
        """DROP VIEW, from behind its words."""
        may_lack = words.take("IF", "EXISTS")
        name = words.table()
        words.end()
        own = name.database or database
        found = self._catalog.item(own, name.name)
        if found is None:
            if may_lack:
                return Answer()
            raise QueryError("TABLE_NOT_FOUND", f"View '{CATALOG}.{own}.{name.name}' does not exist")
        if not is_view(found):
            text = f"View '{CATALOG}.{own}.{name.name}' does not exist, but a table with that name exists"
            raise QueryError("GENERIC_USER_ERROR", f"{text}. Did you mean DROP TABLE {own}.{name.name}?")
        self._catalog.drop(own, name.name)
        return Answer()

    def show(self, words: Words, database: str) -> Answer:
        """SHOW CREATE VIEW, from behind its words: the statement, line by line."""
        name = words.table()
        words.end()
        own = name.database or database
        found = self._catalog.table(own, name.name)
        if found is None or found.view_text is None:
            raise QueryError("TABLE_NOT_FOUND", f"View '{own}.{name.name}' does not exist")
        lines = [f"CREATE VIEW {own}.{name.name} AS", *read_view_text(found.view_text, name.name).sql.splitlines()]
        return Answer.of_texts(["Create View"], [[line] for line in lines])


def require_names(shape: Shape) -> None:
    """Make sure that every column of a query has a name of its own.

    Raises:
        QueryError: one has none, or the name of another one.
    """
    seen: set[str] = set()
    for place, (name, is_named) in enumerate(zip(shape.names, shape.named, strict=True), start=1):
        if not is_named:
            raise QueryError("MISSING_COLUMN_NAME", f"line 1:1: Column name not specified at position {place}")
        if name.lower() in seen:
            raise QueryError("DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{name}' specified more than once")
        seen.add(name.lower())


def _item(name: str, sql: str, database: str, shape: Shape) -> dict[str, object]:
    columns = {one.lower(): kind for one, kind in zip(shape.names, shape.kinds, strict=True)}
    text = write_view_text(ViewText(sql, database), {one: athena_type(kind) for one, kind in columns.items()})
    return {
        "Name": name,
        "TableType": VIEW,
        "Parameters": {"comment": "Presto View", "presto_view": "true"},
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": one, "Type": hive_type(kind) or "string"} for one, kind in columns.items()],
            "Location": "",
            "SerdeInfo": {},
        },
        "ViewOriginalText": text,
        "ViewExpandedText": "/* Presto View */",
    }

"""EXPLAIN: the plan of a query as a text, operator by operator, with the partitions that are read.

Source: https://docs.aws.amazon.com/athena/latest/ug/athena-explain-statement.html; the operators are those of the
stand-in's own plan, in Trino's words: AWS documents no plan to the letter.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from localcloud.athena.catalog import NULL_PARTITION, Partition, TableDefinition
from localcloud.athena.engine import Control, Engine, Explained
from localcloud.athena.errors import QueryError, not_here
from localcloud.athena.results import Answer, ResultColumn
from localcloud.athena.statement_texts import QUERIES, read_statement
from localcloud.athena.words import Words

_TYPES: Final = ("LOGICAL", "DISTRIBUTED", "VALIDATE", "IO")
_FORMATS: Final = ("TEXT", "GRAPHVIZ", "JSON")
_INDENT: Final = "    "
_MOST_PARTITIONS: Final = 100
#: Trino's words for the engine's operators; what has no word here is not shown, but what is below it is.
_OPERATORS: Final[Mapping[str, str]] = {
    "FILTER": "Filter", "PROJECTION": "Project", "HASH_GROUP_BY": "Aggregate", "PERFECT_HASH_GROUP_BY": "Aggregate",
    "UNGROUPED_AGGREGATE": "Aggregate", "PARTITIONED_AGGREGATE": "Aggregate", "ORDER_BY": "Sort", "TOP_N": "TopN",
    "LIMIT": "Limit", "STREAMING_LIMIT": "Limit", "LIMIT_PERCENT": "Limit", "UNION": "Union", "WINDOW": "Window",
    "STREAMING_WINDOW": "Window", "UNNEST": "Unnest", "HASH_JOIN": "Join", "NESTED_LOOP_JOIN": "Join",
    "BLOCKWISE_NL_JOIN": "Join", "PIECEWISE_MERGE_JOIN": "Join", "IE_JOIN": "Join", "CROSS_PRODUCT": "CrossJoin",
    "COLUMN_DATA_SCAN": "Values", "DUMMY_SCAN": "Values", "EMPTY_RESULT": "Values", "EXPRESSION_SCAN": "Values",
    "RESERVOIR_SAMPLE": "Sample", "STREAMING_SAMPLE": "Sample",
}  # fmt: skip


class Explains:
    """Answers EXPLAIN.

    Args:
        engine: plans queries.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def explain(self, words: Words, database: str, control: Control, parameters: Sequence[str]) -> Answer:
        """EXPLAIN [(option, …)] query, from behind its word."""
        if words.take("ANALYZE"):
            raise not_here("EXPLAIN ANALYZE")
        kind = _options(words)
        sql = words.rest
        if read_statement(sql).word not in QUERIES:
            raise not_here(f"EXPLAIN of {read_statement(sql).word}")
        found = self._engine.explain(sql, database, control, parameters)
        if kind == "VALIDATE":
            return Answer((ResultColumn("Valid", "boolean"),), [["true"]])
        return Answer.of_texts(["Query Plan"], [[line] for line in _lines(found)])


def _options(words: Words) -> str:
    kind = "LOGICAL"
    if not (words.follows("(", "FORMAT") or words.follows("(", "TYPE")):
        return kind
    words.take("(")
    while True:
        if words.take("FORMAT"):
            form = words.name().upper()
            if form not in _FORMATS:
                raise QueryError("SYNTAX_ERROR", f"mismatched input '{form}'. Expecting: 'GRAPHVIZ', 'JSON', 'TEXT'")
            if form != "TEXT":
                raise not_here(f"EXPLAIN (FORMAT {form})")
        else:
            words.expect("TYPE")
            kind = words.name().upper()
            if kind not in _TYPES:
                text = f"mismatched input '{kind}'. Expecting: 'DISTRIBUTED', 'IO', 'LOGICAL', 'VALIDATE'"
                raise QueryError("SYNTAX_ERROR", text)
            if kind == "IO":
                raise not_here("EXPLAIN (TYPE IO)")
        if not words.take(","):
            break
    words.expect(")")
    return kind


def _lines(found: Explained) -> Iterator[str]:
    yield f"- Output[{', '.join(found.names)}]"
    for node in found.plan:
        yield from _operator(node, found, 1)


def _operator(node: Mapping[str, Any], found: Explained, depth: int) -> Iterator[str]:
    about = node.get("extra_info") or {}
    view = str(about.get("Table", "")).rpartition(".")[2]
    word = _OPERATORS.get(str(node.get("name", "")).strip())
    if view in found.scans:
        table, partitions = found.scans[view]
        columns = about.get("Projections") or []
        yield f"{_INDENT * depth}- TableScan[table = {str(table).replace('.', ':')}]"
        yield from _scanned(
            table, partitions, [columns] if isinstance(columns, str) else columns, _INDENT * (depth + 2)
        )
    elif word is not None:
        kind = str(about.get("Join Type", "")).title()
        yield f"{_INDENT * depth}- {kind}{word}"
    for child in node.get("children") or ():
        yield from _operator(child, found, depth + (word is not None))


def _scanned(
    table: TableDefinition, partitions: Sequence[Partition], names: Sequence[str], indent: str
) -> Iterator[str]:
    read = {name.partition(".")[0] for name in names}
    yield f"{indent}LAYOUT: {table.database}.{table.name}"
    for place, column in enumerate(table.columns):
        if column.name in read:
            yield f"{indent}{column.name} := {column.name}:{column.type.hive}:{place}:REGULAR"
    for place, key in enumerate(table.keys):
        yield f"{indent}{key.name} := {key.name}:{key.type.hive}:-1:PARTITION_KEY"
        values = sorted({partition.values[place] or NULL_PARTITION for partition in partitions})
        more = ["…"] if len(values) > _MOST_PARTITIONS else []
        yield f"{indent}{_INDENT}:: [{', '.join(f'[{value}]' for value in (*values[:_MOST_PARTITIONS], *more))}]"

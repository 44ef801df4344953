"""Names and types of the columns that pass between the parts of the conversion."""

from pyspark.sql import types as T

from sluice.contract import BATCH_ID, SOURCE_FILE, Table
from sluice.contract.shape import Group, Items, Leaf, Node

BATCH, SOURCE = BATCH_ID, SOURCE_FILE
RECORD = "_record"
RAW_TEXT = "_raw_text"
ERROR = "_error"
WHOLE_FILE = "_whole_file"
REASONS = "_reasons"


def rows(table: Table) -> str:
    """Column with a record's row, or rows, of a table."""
    return f"_rows_{table.name}"


def count(table: Table) -> str:
    """Column with the number of rows of a table that a record holds."""
    return f"_count_{table.name}"


def spark_type(node: Node) -> T.DataType:
    """Spark's type of a part of a record."""
    if isinstance(node, Leaf):
        return T.StringType()
    if isinstance(node, Items):
        return T.ArrayType(spark_type(node.element))
    return T.StructType([T.StructField(name, spark_type(child)) for name, child in node.members.items()])


def record_schema(shape: Group) -> T.StructType:
    """Columns of a DataFrame of records."""
    return T.StructType(
        [
            T.StructField(BATCH, T.StringType(), nullable=False),
            T.StructField(SOURCE, T.StringType(), nullable=False),
            *parsed_fields(shape),
        ]
    )


def parsed_fields(shape: Group) -> list[T.StructField]:
    """The fields of `parse.Parsed`, in its order."""
    return [
        T.StructField(RECORD, spark_type(shape)),
        T.StructField(RAW_TEXT, T.StringType()),
        T.StructField(ERROR, T.StringType()),
        T.StructField(WHOLE_FILE, T.BooleanType(), nullable=False),
    ]

"""Records to rows: every value taken, cast and checked, once; a record is good in all its tables or in none.

Three steps, each one projection, so that no step computes what another has computed: texts, values, reasons. Elements
of an exploded array go through the same functions inside `transform`, which keeps a record and its rows together.
"""

from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.conversion import schema
from glue_jobs.conversion.casts import cast
from glue_jobs.conversion.checks import first_reason
from sluice.contract import Column, Contract, Table
from sluice.contract.shape import Place, Shape

WHITE_SPACE = " \t\n\r\f\v\u00a0\ufeff"
"""What `trim` takes away at both ends of a text."""


@dataclass(frozen=True)
class RowBuilder:
    """Makes rows of records by one contract."""

    contract: Contract
    shape: Shape

    def evaluate(self, records: DataFrame) -> DataFrame:
        """Type and check every record.

        Args:
            records: Columns of `schema.record_schema`.

        Returns:
            Per record: lineage, `reasons` (empty when it is good), what the quarantine keeps of it (null when it is
            good), and per table `schema.rows(table)` (null unless it is good) and `schema.count(table)`, how many rows
            of that table the record holds.
        """
        tables = self.contract.tables
        texts = records.select("*", *[self._texts(table).alias(f"_texts_{table.name}") for table in tables])
        values = texts.select("*", *[self._values(table).alias(f"_values_{table.name}") for table in tables])
        reasons = values.select("*", self._reasons().alias(schema.REASONS))
        return reasons.select(*self._kept())

    def _texts(self, table: Table) -> SparkColumn:
        record = F.col(schema.RECORD)
        path = self.shape.items.get(table.name)
        if path is None:
            return self._row_texts(table, record, record)
        return F.transform(_at(record, Place(False, path)), lambda item: self._row_texts(table, record, item))

    def _row_texts(self, table: Table, record: SparkColumn, item: SparkColumn) -> SparkColumn:
        texts = []
        for column in table.columns:
            place = self.shape.place(table, column)
            raw = _at(item if place.in_item else record, place)
            texts.append(standardised(self.contract, column, raw).alias(column.name))
        return F.struct(*texts)

    def _values(self, table: Table) -> SparkColumn:
        texts = F.col(f"_texts_{table.name}")
        if table.explode is None:
            return self._row_values(table, texts)
        return F.transform(texts, lambda row: self._row_values(table, row))

    def _row_values(self, table: Table, texts: SparkColumn) -> SparkColumn:
        to_value = _cast_parquet if self.contract.source.format == "parquet" else cast
        return F.struct(*[to_value(column, texts.getField(column.name)).alias(column.name) for column in table.columns])

    def _reasons(self) -> SparkColumn:
        found = [self._table_reasons(table) for table in self.contract.tables]
        error = F.col(schema.ERROR)
        broken = F.array_distinct(F.concat(*found))
        return F.when(error.isNotNull(), F.array(error)).otherwise(broken)

    def _table_reasons(self, table: Table) -> SparkColumn:
        texts, values = F.col(f"_texts_{table.name}"), F.col(f"_values_{table.name}")
        if table.explode is None:
            return _row_reasons(table, texts, values)
        pairs = F.zip_with(texts, values, lambda text, value: _row_reasons(table, text, value))
        return F.coalesce(F.flatten(pairs), F.array().cast("array<string>"))

    def _kept(self) -> list[SparkColumn]:
        is_good = F.size(schema.REASONS) == 0
        record = F.to_json(schema.RECORD)
        # Replacing U+FFFD by itself also mends bytes that are no UTF-8. Parquet has no text, so there it is the record.
        raw_text = F.coalesce(F.regexp_replace(F.col(schema.RAW_TEXT), "\ufffd", "\ufffd"), record)
        kept = [F.col(name) for name in (schema.BATCH, schema.SOURCE, schema.REASONS, schema.WHOLE_FILE)]
        kept += [
            F.when(~is_good, raw_text).alias(schema.RAW_TEXT),
            F.when(~is_good, record).alias(schema.RECORD),
        ]
        for table in self.contract.tables:
            values = F.col(f"_values_{table.name}")
            # A record that cannot be read is one row that cannot be read; how many items it held nobody knows.
            held = F.lit(1) if table.explode is None else F.when(values.isNotNull(), F.size(values)).otherwise(0)
            kept += [F.when(is_good, values).alias(schema.rows(table)), held.alias(schema.count(table))]
        return kept


def standardised(contract: Contract, column: Column, raw: SparkColumn) -> SparkColumn:
    """The text that is cast: trimmed, nulls recognised, letters changed, default filled in; in this order."""
    text = F.btrim(raw, F.lit(WHITE_SPACE)) if column.trim else raw
    nulls = (*contract.null_values, *column.null_values)
    if nulls:
        text = F.when(~text.isin(*nulls), text)
    if column.case is not None:
        text = F.upper(text) if column.case == "upper" else F.lower(text)
    if column.default is None:
        return text
    default = str(column.default).lower() if isinstance(column.default, bool) else str(column.default)
    return F.coalesce(text, F.lit(default))


def _at(start: SparkColumn, place: Place) -> SparkColumn:
    return reduce(lambda column, name: column.getField(name), place.path, start)


def _cast_parquet(column: Column, text: SparkColumn) -> SparkColumn:
    """Parquet has dates and moments of its own, written here as ISO 8601; the format is for those that are texts.

    A date that somebody keeps as a moment is its midnight.
    """
    if not column.sql_type.is_temporal:
        return cast(column, text)
    as_iso = replace(column, format=None)
    iso_text = F.regexp_replace(text, r" 00:00:00\z", "") if column.sql_type.name == "date" else text
    typed = cast(as_iso, iso_text)
    return typed if column.format is None else F.coalesce(cast(column, text), typed)


def _row_reasons(table: Table, texts: SparkColumn, values: SparkColumn) -> SparkColumn:
    found = [
        first_reason(table, column, texts.getField(column.name), values.getField(column.name))
        for column in table.columns
    ]
    return F.array_compact(F.array(*found))

"""Analysis queries: each written once, and read by Athena, by Spectrum, or in the tables of the warehouse."""

from sluice.analysis.query import Query, UnknownQueryError, queries, query_of
from sluice.analysis.render import Reader, Schemas, count_rows, render

__all__ = ["Query", "Reader", "Schemas", "UnknownQueryError", "count_rows", "queries", "query_of", "render"]

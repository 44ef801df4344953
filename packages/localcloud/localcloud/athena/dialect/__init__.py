"""Athena's SQL, which is Trino's for queries and Hive's for definitions, as DuckDB's."""

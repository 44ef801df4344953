"""Athena: SQL in Athena's dialect on the registered partitions of the Data Catalog's tables, run by DuckDB.

MiniStack keeps workgroups, named queries, prepared statements and the record of each query; what a query answers is
made here.
"""

from localcloud.athena.executions import QueryService
from localcloud.athena.install import install_athena

__all__ = ["QueryService", "install_athena"]

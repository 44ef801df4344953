"""Contracts: one declaration per dataset that drives everything else."""

from sluice.contract.load import dump_contracts, parse_contract, parse_contracts
from sluice.contract.model import (
    BATCH_ID,
    LINEAGE,
    SOURCE_FILE,
    Column,
    Contract,
    CsvSource,
    JsonSource,
    ParquetSource,
    RedshiftHints,
    Source,
    Table,
    XmlSource,
)
from sluice.contract.sqltype import SqlType

__all__ = [
    "BATCH_ID",
    "LINEAGE",
    "SOURCE_FILE",
    "Column",
    "Contract",
    "CsvSource",
    "JsonSource",
    "ParquetSource",
    "RedshiftHints",
    "Source",
    "SqlType",
    "Table",
    "XmlSource",
    "dump_contracts",
    "parse_contract",
    "parse_contracts",
]

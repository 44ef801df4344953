"""Tables of the catalog that say less than those that a deploy makes; the API demands only their names."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest

from sluice.aws.schemas import CatalogSchemas
from sluice.errors import AwsError
from sluice.lake.layout import Partition

MOMENT = Partition(datetime(2026, 11, 1, tzinfo=UTC))


def test_a_table_that_is_stored_nowhere_is_not_changed() -> None:
    glue: Any = Mock()
    glue.get_table.return_value = {"Table": {"Name": "t"}}
    with pytest.raises(AwsError, match=r"change table d\.t: it says nothing of where and how it is stored"):
        CatalogSchemas(glue).change_columns("d", "t", lambda _: [{"Name": "a", "Type": "string"}])
    glue.update_table.assert_not_called()


def test_a_partition_without_a_folder_is_left_out() -> None:
    glue: Any = Mock()
    glue.get_paginator.return_value.paginate.return_value = [
        {
            "Partitions": [
                {"Values": ["2026", "11", "20", "13"]},
                {"Values": ["2026", "11", "20", "12"], "StorageDescriptor": {"Location": "s3://b/t/"}},
            ]
        }
    ]
    assert list(CatalogSchemas(glue).newest("d", "t", 1, MOMENT).values()) == ["s3://b/t/"]

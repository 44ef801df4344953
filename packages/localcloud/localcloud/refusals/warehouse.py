"""The Data API: a workgroup or cluster that is not there.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_ExecuteStatement.html (ValidationException);
the words are those that the Data API answers with.
"""

from collections.abc import Iterable

from localcloud.errors import AwsApiError
from localcloud.refusals.asking import Asked, Service, read_json, refuse_json

_ACTIONS = (
    *("ExecuteStatement", "BatchExecuteStatement"),
    *("DescribeTable", "ListDatabases", "ListSchemas", "ListTables"),
)


def of_warehouse(names: Iterable[str]) -> Service:
    """The checks of a local cloud whose warehouse has these names.

    Args:
        names: Of its workgroup, or of its cluster.
    """
    known = frozenset(names)

    def _is_there(asked: Asked) -> None:
        for member in ("WorkgroupName", "ClusterIdentifier"):
            name = asked.params.get(member)
            if isinstance(name, str) and name.rpartition("/")[2] not in known:
                raise AwsApiError("ValidationException", "Redshift endpoint doesn't exist in this region.")

    return Service("redshift-data", read_json, refuse_json, dict.fromkeys(_ACTIONS, (_is_there,)))

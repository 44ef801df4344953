"""Puts our Athena over MiniStack's."""

from dataclasses import dataclass
from typing import Any

from localcloud import registry
from localcloud.athena.callers import Callers
from localcloud.athena.catalog import Catalog
from localcloud.athena.executions import QueryService
from localcloud.athena.objects import Objects
from localcloud.athena.statements import Statements
from localcloud.athena.stored import ResultWriter
from localcloud.clients import Clients
from localcloud.config import LocalCloudConfig
from localcloud.errors import AwsApiError
from localcloud.iam.door import Door
from localcloud.routing import ActionRouter


@dataclass(frozen=True)
class _Prepared:
    """The prepared statements that MiniStack keeps."""

    athena: ActionRouter

    def find(self, workgroup: str, name: str) -> str | None:
        try:
            found = self._call("GetPreparedStatement", workgroup, name)
        except AwsApiError:
            return None
        return str(found["PreparedStatement"]["QueryStatement"])

    def keep(self, workgroup: str, name: str, sql: str) -> None:
        self._call("CreatePreparedStatement", workgroup, name, QueryStatement=sql)

    def drop(self, workgroup: str, name: str) -> None:
        self._call("DeletePreparedStatement", workgroup, name)

    def _call(self, action: str, workgroup: str, name: str, **more: str) -> dict[str, Any]:
        request = {"WorkGroup": workgroup, "StatementName": name, **more}
        return self.athena.call_inner(f"AmazonAthena.{action}", request)


def install_athena(config: LocalCloudConfig, clients: Clients, door: Door) -> QueryService:
    """Register our handlers; the service is to be started once the endpoint answers.

    Args:
        config: of the local cloud.
        clients: of its endpoint.
        door: knows the sessions of roles.
    """
    athena = ActionRouter(registry.get_handler("athena"))
    callers = Callers(clients, door.sessions)
    objects = Objects(config.state_dir / "athena", callers.s3)
    statements = Statements(Catalog(callers.glue), objects, _Prepared(athena))
    service = QueryService(athena, statements, ResultWriter(callers.s3))
    service.install()
    registry.set_handler("athena", athena)
    return service

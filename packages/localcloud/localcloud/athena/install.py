"""Puts our Athena over MiniStack's."""

from localcloud import registry
from localcloud.athena.catalog import Catalog
from localcloud.athena.engine import Engine
from localcloud.athena.executions import QueryService
from localcloud.athena.objects import Objects
from localcloud.athena.partition_commands import PartitionCommands
from localcloud.athena.shows import Shows
from localcloud.athena.statements import Statements
from localcloud.athena.stored import ResultWriter
from localcloud.clients import Clients
from localcloud.config import LocalCloudConfig
from localcloud.errors import AwsApiError
from localcloud.routing import ActionRouter


def install_athena(config: LocalCloudConfig, clients: Clients) -> QueryService:
    """Register our handlers; the service is to be started once the endpoint answers.

    Args:
        config: of the local cloud.
        clients: of its endpoint.
    """
    athena = ActionRouter(registry.get_handler("athena"))
    catalog, objects = Catalog(clients.glue), Objects(config.state_dir / "athena", clients.s3)

    def prepared(workgroup: str, name: str) -> str | None:
        request = {"WorkGroup": workgroup, "StatementName": name}
        try:
            found = athena.call_inner("AmazonAthena.GetPreparedStatement", request)
        except AwsApiError:
            return None
        return str(found["PreparedStatement"]["QueryStatement"])

    partitions = PartitionCommands(clients.glue, catalog, objects)
    statements = Statements(Engine(catalog, objects), Shows(catalog), partitions, clients.glue, prepared)
    service = QueryService(athena, statements, ResultWriter(clients.s3))
    service.install()
    registry.set_handler("athena", athena)
    return service

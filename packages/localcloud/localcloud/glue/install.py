"""Puts our Glue over MiniStack's."""

import time

from localcloud import registry
from localcloud.clients import Clients
from localcloud.config import LocalCloudConfig
from localcloud.glue.announce import log_keeper, send_state_change
from localcloud.glue.api import JobRunApi
from localcloud.glue.cache import ObjectCache
from localcloud.glue.crawls.install import Crawls, install_crawls
from localcloud.glue.execution import Execution
from localcloud.glue.partition_indexes import PartitionIndexApi
from localcloud.glue.partitions import PartitionApi
from localcloud.glue.runner import GlueRunner
from localcloud.glue.runs import JobRun, RunStore
from localcloud.iam.acting import Acting
from localcloud.iam.door import Door
from localcloud.routing import ActionRouter


def install_glue(config: LocalCloudConfig, port: int, clients: Clients, door: Door) -> tuple[GlueRunner, Crawls]:
    """Register our handlers; the runner and the crawls are to be started once the endpoint answers.

    Args:
        config: of the local cloud.
        port: of its endpoint.
        clients: of its endpoint.
        door: judges what runs do.
    """
    store = RunStore(config.glue_dir)
    cache = ObjectCache(config.state_dir / "cache", clients.s3)

    def execute(run: JobRun) -> Execution:
        folder = store.run_folder(run.id)
        return Execution(run, folder, config=config, port=port, clients=clients, cache=cache, door=door)

    def of_role(run: JobRun) -> Clients:
        return clients.of(run.account_id, run.region).acting(door.sessions.open(run.role, run.id))

    runner = GlueRunner(store, execute, send_state_change, log_keeper(of_role), config.glue, time.time)
    glue = ActionRouter(registry.get_handler("glue"))
    JobRunApi(runner, glue).install()
    PartitionApi(glue).install()
    PartitionIndexApi(glue).install()
    crawls = install_crawls(config.crawls_dir, Acting(clients, door), glue)
    registry.set_handler("glue", glue)
    return runner, crawls

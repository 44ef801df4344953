"""The local cloud in this process: MiniStack behind one port, with our handlers in its registries.

MiniStack keeps its state in module globals and reads its settings when it is imported. So a process starts one local
cloud, once; tests and the demo run it as a child process (`localcloud.child`), where a restart is a new process.
"""

import logging
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from localcloud import registry
from localcloud.alarms import AlarmHandler
from localcloud.checkpoint import Checkpointer, check_saved
from localcloud.clients import Clients
from localcloud.config import LocalCloudConfig, endpoint_url, resolve_password
from localcloud.embedded_metrics import with_metrics
from localcloud.environment import apply_environment
from localcloud.errors import LocalCloudError
from localcloud.faults.install import install_faults
from localcloud.faults.journal import Journal
from localcloud.glue.install import install_glue
from localcloud.iam.acting import Acting
from localcloud.iam.deliveries import install_deliveries
from localcloud.iam.door import Door, Mode
from localcloud.iam.record import Record
from localcloud.lake_formation import install_lake_formation
from localcloud.lambda_errors import with_error_types
from localcloud.lock import Running, StateLock, claim_port, own_folder
from localcloud.logs import log_to_file, stop_logging
from localcloud.refusals import install_refusals
from localcloud.saved_queries import saved_queries
from localcloud.stepfunctions.install import install_stepfunctions
from localcloud.topic_filters import into_arrays
from localcloud.warm import readied
from localcloud.web import WebServer

if TYPE_CHECKING:
    from localcloud.redshift import Warehouse
    from localcloud.redshift.roles import Roles

logger = logging.getLogger(__name__)

_process_has_had_one = threading.Lock()  # taken by the process's one local cloud, and never given back


class Part(Protocol):
    """Something that works beside the endpoint, and asks it."""

    def start(self) -> None:
        """Begin; the endpoint answers."""

    def stop(self) -> None:
        """End; the endpoint still answers."""


class LocalCloud:
    """MiniStack, the Glue runner and the warehouse, from `start` to `stop`.

    State is kept under the configured folder and survives a stop. After a kill it is as the last checkpoint left it
    (see `Checkpointer`), and Glue runs and executions that were active are FAILED, with their event.
    """

    def __init__(self, config: LocalCloudConfig) -> None:
        self.config = config
        self.port = config.port
        self._lock = StateLock(config.state_dir)
        self._checkpointer = Checkpointer(config.checkpoint_seconds)
        self._warehouse: Warehouse | None = None
        self._faults = Journal(config.faults)
        self._started = ExitStack()  # what is to be undone, the last first, even when an undoing fails

    @property
    def endpoint_url(self) -> str:
        """The AWS endpoint."""
        return endpoint_url(self.port)

    @property
    def warehouse_dsn(self) -> str | None:
        """A libpq connection string, password included; None without a warehouse."""
        return None if self._warehouse is None else self._warehouse.dsn

    def start(self) -> None:
        """Start everything and return when the endpoint answers.

        Raises:
            AlreadyRunningError: another local cloud uses the state directory; nothing was changed there.
            PortBusyError: a port is taken.
            LocalCloudError: this process has had its local cloud, or the start failed.
        """
        try:
            self._start()
        except OSError as exc:
            place = exc.filename or self.config.state_dir
            raise LocalCloudError(
                f"{place}: {exc.strerror or exc}; all of {self.config.state_dir} has to be yours to write, or choose "
                "another folder with --state-dir"
            ) from exc

    def _start(self) -> None:
        own_folder(self.config.state_dir)
        self._lock.acquire()
        with ExitStack() as started:
            started.callback(self._lock.release)
            self._start_locked(started)
            self._started = started.pop_all()
        logger.info("local cloud ready on %s", self.endpoint_url)

    def stop(self) -> None:
        """Stop everything in order: executions, runs, endpoint (which saves its state), Lambda workers, warehouse."""
        self._started.close()
        self._warehouse = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_locked(self, started: ExitStack) -> None:
        self.port = claim_port(self.config.port, "--port", self.config.bind_address)
        warehouse_port = self._claim_warehouse_port()
        if not _process_has_had_one.acquire(blocking=False):
            raise LocalCloudError("a process can start one local cloud, once; use localcloud.child for more")
        self._lock.describe(Running.of_this_process(self.endpoint_url, warehouse_port))
        started.callback(stop_logging, log_to_file(self.config.log_file))
        check_saved(self.config.services_dir)
        apply_environment(self.config, self.port)
        registry.keep_queues_across_ports()
        registry.know_services_by_name()
        registry.read_queues_at_once(max(2, self.config.glue.cores))
        registry.show_messages_again()
        registry.replace_body_lookup(into_arrays)
        registry.wrap_lambda_logs(with_metrics)
        registry.wrap_lambda_errors(with_error_types)
        registry.set_handler("monitoring", AlarmHandler(registry.get_handler("monitoring")))
        registry.set_handler("lambda", readied(registry.get_handler("lambda"), registry.function_start))
        install_lake_formation()
        registry.set_handler("logs", saved_queries(registry.get_handler("logs"), self.config.state_dir))
        clients = Clients(self.config, self.port)
        door = Door(Mode(self.config.iam), Record(self.config.iam_record))
        if warehouse_port is not None:
            self._start_warehouse(started, warehouse_port, Acting(clients, door))
        # Imported only here: DuckDB and pyarrow come with it.
        queries: Part = import_module("localcloud.athena").install_athena(self.config, clients, door)
        runner, crawls = install_glue(self.config, self.port, clients, door)
        engine = install_stepfunctions(runner, self.config.wait_scale, door)
        install_deliveries(door)
        install_faults(self._faults)
        install_refusals(self.config.warehouse_names if self.config.with_warehouse else ())
        for service in registry.services():
            registry.set_handler(service, door.guard(service, registry.get_handler(service)))
        self._start_endpoint(started, (queries, runner, crawls, engine))

    def _start_endpoint(self, started: ExitStack, parts: Iterable[Part]) -> None:
        started.callback(registry.end_lambda_workers)
        web = WebServer(
            self.port, self._checkpointer.touch, self.config.bind_address, self.config.host_names, self._faults
        )
        started.callback(web.stop)
        web.start()
        started.callback(self._checkpointer.stop)
        self._checkpointer.start()
        for part in parts:
            started.callback(part.stop)
            part.start()

    def _claim_warehouse_port(self) -> int | None:
        if not self.config.with_warehouse:
            return None
        return claim_port(self.config.warehouse_port, "--warehouse-port", self.config.bind_address)

    def _start_warehouse(self, started: ExitStack, port: int, acting: Acting) -> None:
        # Imported only when it is wanted: PostgreSQL and DuckDB come with it.
        make: type[Warehouse] = import_module("localcloud.redshift").Warehouse
        scope = self.config.account_id, self.config.region
        roles: Roles = import_module("localcloud.redshift.roles").Roles(acting, self.config.warehouse_role, scope)
        password = resolve_password(self.config)
        credentials = import_module("localcloud.redshift.credentials")
        self._warehouse = make(
            self.config.state_dir / "warehouse",
            port=port,
            bind_address=self.config.bind_address,
            password=password,
            s3=roles.s3,
            glue=roles.glue,
            secrets=acting.clients.secretsmanager,
            caller=credentials.asking_user,
        )
        started.callback(self._warehouse.stop)
        self._warehouse.start()
        registry.set_handler("redshift-data", self._warehouse.handle_request)
        for service, handler in self._warehouse.logins(self.config.warehouse_names).handlers.items():
            registry.add_service(service, handler)

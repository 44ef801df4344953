"""The local warehouse: one object to start, to stop, and to hand requests of the Data API to.

Through the Data API and through its port it behaves like Redshift, as far as ``dialect`` and ``loading`` go: both run
statements through one ``Engine``. The PostgreSQL underneath has a port of its own, for who looks into the stand-in.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.config import HOST
from localcloud.redshift.clock import Clock, utc_now
from localcloud.redshift.credentials import no_secrets, nobody
from localcloud.redshift.data_api import DataApi
from localcloud.redshift.database import USER, Database
from localcloud.redshift.engine import Engine
from localcloud.redshift.errors import ApiError, SerializationError
from localcloud.redshift.executor import Executor
from localcloud.redshift.loading.history import LoadHistory
from localcloud.redshift.loading.load import Loader
from localcloud.redshift.logins import Logins, TemporaryPasswords
from localcloud.redshift.metadata import Metadata
from localcloud.redshift.port import Listener
from localcloud.redshift.port.tls import Tls
from localcloud.redshift.postgres import PostgresServer
from localcloud.redshift.results import Json
from localcloud.redshift.roles import OfRole
from localcloud.redshift.sessions import SessionStore
from localcloud.redshift.spectrum import Spectrum
from localcloud.redshift.spectrum.catalog import no_catalog
from localcloud.redshift.statements import StatementStore
from localcloud.redshift.unloading.history import UnloadHistory
from localcloud.redshift.unloading.unload import Unloader
from localcloud.registry import Response
from localcloud.routing import json_response

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient


class Warehouse:
    """Amazon Redshift on this machine.

    Args:
        folder: where the data lives, from one start to the next.
        port: TCP port for Redshift's drivers, psql and BI tools.
        password: of the database user ``sluice``.
        s3: gives the client that COPY and external tables read files with, for their IAM_ROLE; called for every COPY.
        glue: gives the client of the Data Catalog of external schemas, likewise; without it there are none.
        secrets: gives the client that a request's secret is read with; without it such requests are refused.
        caller: gives the database user of the IAM identity whose request is being answered; empty for the owner.
        bind_address: IPv4 address that the port is on.
        clock: gives the current time.
    """

    def __init__(  # noqa: PLR0913 - each is a thing of its own, and named by every caller
        self,
        folder: Path,
        *,
        port: int,
        password: str,
        s3: OfRole[S3Client],
        glue: OfRole[GlueClient] = no_catalog,
        secrets: Callable[[], SecretsManagerClient] = no_secrets,
        caller: Callable[[], str] = nobody,
        bind_address: str = HOST,
        clock: Clock = utc_now,
    ) -> None:
        self._server = PostgresServer(folder)
        self._port = port
        self._tls = Tls(self._server.folder)
        self._listener = Listener(bind_address, port, self._tls)
        self._passwords = TemporaryPasswords(clock)
        self._database = Database(self._server, password, self._passwords.recognise)
        self._s3 = s3
        self._glue = glue
        self._secrets = secrets
        self._caller = caller
        self._clock = clock
        self._api: DataApi | None = None
        self._engine: Engine | None = None

    @property
    def dsn(self) -> str:
        """The address for drivers, psql and BI tools."""
        return self._database.dsn_at(self._port)

    @property
    def engine_dsn(self) -> str:
        """The address of the PostgreSQL underneath, which knows nothing of Redshift's dialect."""
        return self._database.dsn

    @property
    def certificate(self) -> Path:
        """The certificate of the port's TLS, which is its own root; made when the first client asks for it."""
        return self._tls.certificate

    def start(self) -> None:
        """Start the warehouse, and recover it when it was not stopped in order.

        Raises:
            WarehouseRunningError: it is running in another process.
            WarehouseStartError: it cannot start.
        """
        try:
            self._server.start(self._listener.bind)
            self._database.prepare()
        except BaseException:
            self._listener.stop()
            self._server.stop()
            raise
        sessions = SessionStore(self._clock)
        loader = Loader(self._s3, LoadHistory(self._database), self._clock)
        spectrum = Spectrum(self._database, self._s3, self._glue)
        unloader = Unloader(self._s3, UnloadHistory(self._database), self._clock)
        self._engine = Engine(self._database, loader, unloader, spectrum, self._clock)
        executor = Executor(self._database, self._engine, sessions, self._clock)
        metadata = Metadata(self._database)
        self._api = DataApi(StatementStore(self._clock), sessions, executor, metadata, self._secrets, self._caller)
        self._listener.start(self._database, self._engine)

    def stop(self) -> None:
        """Cancel what runs and stop; the data stays."""
        self._listener.stop()
        if self._api is not None:
            self._api.stop()
            self._api = None
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self._server.stop()

    def logins(self, names: Iterable[str]) -> Logins:
        """What hands out passwords to drivers that come in by IAM.

        Args:
            names: of the workgroup, or the cluster, that this is.
        """
        return Logins(self._passwords, self._caller, USER, tuple(names), self._port)

    async def handle_request(
        self, _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query_params: Mapping[str, object]
    ) -> Response:
        """Answer a request of the Data API; fits MiniStack's ``SERVICE_HANDLERS``.

        Args:
            headers: the headers with lower-case names; ``x-amz-target`` names the operation.
            body: the request as JSON.
        """
        operation = headers.get("x-amz-target", "").partition(".")[2]
        try:
            return json_response(await self._answer(operation, body))
        except ApiError as error:
            answer: Json = {"__type": error.code, "Message": str(error)}
            status = 500 if error.code == ApiError.code else 400
            return json_response(answer, status, {"x-amzn-errortype": error.code})

    async def _answer(self, operation: str, body: bytes) -> Json:
        if self._api is None:
            raise ApiError("The warehouse is not running")
        request = _parse(body)
        answer = await asyncio.to_thread(self._api.call, operation, request)
        return await answer.wait()


def _parse(body: bytes) -> dict[str, object]:
    try:
        request = json.loads(body or b"{}")
    except ValueError as error:
        raise SerializationError(f"The request is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise SerializationError("The request is not JSON object")
    return request

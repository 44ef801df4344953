"""MiniStack's application served by hypercorn, on a thread with an event loop of its own."""

import asyncio
import http
import http.client
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from localcloud import registry
from localcloud.config import HOST
from localcloud.errors import LocalCloudError
from localcloud.faults.injector import FaultInjector, can_drop
from localcloud.faults.journal import Journal
from localcloud.gate import Gate, Receive, Scope, Send

START_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 75
HEALTH_PATH = "/_ministack/health"


class WebServer:
    """The AWS endpoint, from `start` to `stop`.

    Signals stay with the main thread: hypercorn installs no handlers when it is given its own way to stop.
    """

    def __init__(
        self,
        port: int,
        on_request: Callable[[], None],
        bind_address: str = HOST,
        host_names: Sequence[str] = (),
        faults: Journal | None = None,
    ) -> None:
        """Prepare; `start` listens.

        Args:
            port: what it listens on.
            on_request: called at each request.
            bind_address: the address that it listens on; its own questions go to 127.0.0.1.
            host_names: by which clients may call it, beside localhost and the address.
            faults: what goes wrong, and where it is counted.
        """
        self._port = port
        self._on_request = on_request
        self._bind_address = bind_address
        injector = FaultInjector(self._application, faults or Journal())
        self._gate = can_drop(Gate(injector, (bind_address, *host_names)))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="localcloud-web", daemon=True)

    def start(self) -> None:
        """Listen, and return when the endpoint answers.

        Raises:
            LocalCloudError: it did not come up.
        """
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self._thread.is_alive():
                raise LocalCloudError(f"the endpoint did not start: {self._failure}") from self._failure
            if time.monotonic() > deadline:
                raise LocalCloudError(f"the endpoint did not answer within {START_SECONDS:.0f} s")
            time.sleep(0.02)

    def stop(self) -> None:
        """Finish the requests under way, let MiniStack save its state, and close."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # the thread's entry point; start() reports what it was
            self._failure = error
            logging.getLogger(__name__).exception("the endpoint ended")

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        config = Config()
        config.bind = [f"{self._bind_address}:{self._port}"]
        config.keep_alive_timeout = KEEP_ALIVE_SECONDS
        config.errorlog = logging.getLogger("hypercorn.error")
        config.accesslog = None
        application: Any = self._gate  # hypercorn's own types name each event
        await serve(application, config, shutdown_trigger=self._stop.wait)

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._on_request()
        await registry.application()(scope, receive, send)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=5)
        try:
            connection.request("GET", HEALTH_PATH)
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

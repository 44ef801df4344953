"""Listens on the warehouse's port and gives each client a thread."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from contextlib import suppress

import psycopg

from localcloud.redshift.database import Database
from localcloud.redshift.engine import Engine, Report, report
from localcloud.redshift.errors import SqlError, WarehouseStartError
from localcloud.redshift.port.login import CancelRequest, greet
from localcloud.redshift.port.messages import ProtocolError
from localcloud.redshift.port.session import Session, error_message
from localcloud.redshift.port.stream import Stream
from localcloud.redshift.port.tls import Tls

logger = logging.getLogger(__name__)

_BACKLOG = 128
_STOP_SECONDS = 10.0
_PAUSE_SECONDS = 0.2


class Listener:
    """The warehouse's port.

    Args:
        address: the IPv4 address that it is on.
        port: its number.
        tls: encrypts what clients want encrypted.
    """

    def __init__(self, address: str, port: int, tls: Tls) -> None:
        self._address = address
        self._port = port
        self._tls = tls
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._is_stopping = threading.Event()
        self._lock = threading.Lock()
        self._streams: dict[threading.Thread, Stream] = {}
        self._sessions: set[Session] = set()

    def bind(self) -> None:
        """Take the port; nobody is let in yet.

        Raises:
            WarehouseStartError: it is taken.
        """
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((self._address, self._port))
            made.listen(_BACKLOG)
        except OSError as error:
            made.close()
            raise WarehouseStartError(f"port {self._port} on {self._address} is taken: {error.strerror}") from error
        self._socket = made

    def start(self, database: Database, engine: Engine) -> None:
        """Let clients in.

        Args:
            database: gives their connections.
            engine: runs their statements.
        """
        self._is_stopping.clear()
        arguments = (database, engine)
        self._thread = threading.Thread(target=self._accept, args=arguments, name="warehouse-port", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give up the port and end all sessions; what they run is cancelled."""
        self._is_stopping.set()
        if self._socket is not None:
            listening, self._socket = self._socket, None
            # On Linux a thread that accepts is woken by this, and not by closing the socket.
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            sessions, streams = list(self._sessions), dict(self._streams)
        for session in sessions:
            session.cancel()
        for stream in streams.values():
            stream.shut()
        for thread in streams:
            thread.join(_STOP_SECONDS)

    def _accept(self, database: Database, engine: Engine) -> None:
        listening = self._socket
        while listening is not None:
            try:
                connected, _ = listening.accept()
            except OSError as error:
                if self._is_stopping.is_set():
                    return
                logger.warning("the warehouse's port could not take a client, next try in a moment: %s", error)
                time.sleep(_PAUSE_SECONDS)
                continue
            stream = Stream(connected)
            thread = threading.Thread(target=self._serve, args=(stream, database, engine), daemon=True)
            with self._lock:
                self._streams[thread] = stream
            thread.start()

    def _serve(self, stream: Stream, database: Database, engine: Engine) -> None:
        session = Session(stream, database, engine)
        with self._lock:
            self._sessions.add(session)
        try:
            wish = greet(stream, self._tls)
            if isinstance(wish, CancelRequest):
                self._cancel(wish)
            else:
                session.open(wish)
                session.serve()
        except (EOFError, ProtocolError, OSError, ssl.SSLError) as error:
            logger.debug("a client of the warehouse's port is gone: %s", error)
        except (SqlError, psycopg.Error) as error:
            _refuse(stream, report(error))
        except Exception:
            # The last line of defence of a thread: the client is told, the other ones are not touched.
            logger.exception("a session of the warehouse's port broke the stand-in")
            _refuse(stream, Report("FATAL", "XX000", "internal error of the local stand-in, see its log"))
        finally:
            session.close()
            with self._lock:
                self._sessions.discard(session)
                self._streams.pop(threading.current_thread(), None)
            with suppress(OSError):
                stream.close()

    def _cancel(self, wish: CancelRequest) -> None:
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            if (session.process_id, session.secret) == (wish.process_id, wish.secret):
                session.cancel()


def _refuse(stream: Stream, found: Report) -> None:
    """Tell a client why its session ends."""
    last = Report("FATAL", found.sqlstate, found.message, found.detail, found.hint)
    with suppress(OSError):
        stream.write(error_message(last))
        stream.flush()

"""TLS for the port, with a certificate that the stand-in makes for itself, as it is asked for the first time."""

from __future__ import annotations

import logging
import shutil
import ssl
import subprocess
import threading
from pathlib import Path

logger = logging.getLogger(__name__)

_DAYS = 3650
_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


class Tls:
    """Gives the context of TLS connections.

    Args:
        folder: where ``server.crt`` and ``server.key`` are from one start to the next. Who wants to verify the port
            takes the certificate as its own root.
    """

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "server.crt"
        self._key = folder / "server.key"
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext | None:
        """Give the context, None where this machine has no ``openssl`` to make a certificate with."""
        with self._lock:
            if self._context is None and self._ensure():
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.certificate, self._key)
                self._context = context
            return self._context

    def _ensure(self) -> bool:
        if self.certificate.exists() and self._key.exists():
            return True
        program = shutil.which("openssl")
        if program is None:
            logger.warning("the warehouse's port has no TLS: there is no openssl to make a certificate with")
            return False
        self._key.touch(mode=0o600)
        command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(_DAYS)]
        command += ["-subj", "/CN=localhost", "-addext", _NAMES]
        command += ["-keyout", str(self._key), "-out", str(self.certificate)]
        made = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own arguments
        if made.returncode:
            logger.warning("the warehouse's port has no TLS: openssl made no certificate: %s", made.stderr.strip())
            self.certificate.unlink(missing_ok=True)
        return made.returncode == 0

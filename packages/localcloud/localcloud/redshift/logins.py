"""Temporary passwords for drivers that come in by IAM: ``GetCredentials`` of Serverless and its like of a cluster.

Whoever asks is known by now, and has been judged at the door: the password is for the database user of the role that
asks, and for the database's owner when the administrator of the account does.
Source: https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_GetCredentials.html and
https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentialsWithIAM.html
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from localcloud.config import HOST
from localcloud.errors import AwsApiError
from localcloud.redshift.clock import Clock
from localcloud.redshift.credentials import Credentials, Login, Temporary
from localcloud.refusals.asking import refuse_query
from localcloud.registry import Handler, Response
from localcloud.routing import error_response, json_response

_LEAST, _MOST = 900, 3600
_NAMESPACE = "http://redshift.amazonaws.com/doc/2012-12-01/"


@dataclass
class TemporaryPasswords:
    """The passwords that were handed out, as long as they hold.

    Attributes:
        clock: gives the current time.
    """

    clock: Clock
    _known: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def issue(self, user: str, seconds: int) -> tuple[str, datetime]:
        """Make a password for a user; gives when it ends, too."""
        password, now = secrets.token_urlsafe(24), self.clock()
        with self._lock:
            self._known = {pair: end for pair, end in self._known.items() if end > now}
            self._known[user, password] = now + timedelta(seconds=seconds)
        return password, now + timedelta(seconds=seconds)

    def recognise(self, login: Credentials) -> Login:
        """Give who comes in with a password: whom IAM has let in, when it is one of these."""
        user = login.username.lower()
        with self._lock:
            end = self._known.get((user, login.password))
        return login if end is None or end <= self.clock() else Temporary(user, is_made=True)


@dataclass(frozen=True)
class Logins:
    """The control plane's part of a login.

    Attributes:
        passwords: are handed out here.
        caller: gives the database user of the IAM identity whose request is being answered; empty for the owner.
        owner: of the database.
        names: of the workgroup, or the cluster, that is there.
        port: of the warehouse, for drivers.
    """

    passwords: TemporaryPasswords
    caller: Callable[[], str]
    owner: str
    names: Iterable[str]
    port: int

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What answers, by the service's name in a signature."""
        return {"redshift-serverless": self._serverless, "redshift": self._provisioned}

    async def _serverless(
        self, _method: str, _path: str, headers: dict[str, str], body: bytes, _query: dict[str, list[str]]
    ) -> Response:
        operation, asked = headers.get("x-amz-target", "").rpartition(".")[2], json.loads(body or b"{}")
        try:
            if operation == "GetWorkgroup":
                name = self._named(str(asked.get("workgroupName", "")))
                endpoint = {"address": HOST, "port": self.port}
                workgroup = {"workgroupName": name, "status": "AVAILABLE", "endpoint": endpoint}
                return json_response({"workgroup": workgroup})
            if operation == "GetCredentials":
                self._named(str(asked.get("workgroupName", "")))
                user, password, end = self._issue(asked.get("durationSeconds"))
                return json_response({"dbUser": user, "dbPassword": password, "expiration": end.timestamp()})
        except AwsApiError as error:
            return error_response(error)
        return error_response(_missing(f"Redshift Serverless's {operation}"))

    async def _provisioned(
        self, _method: str, _path: str, _headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        asked = {name: values[0] for name, values in {**parse_qs(body.decode()), **query}.items()}
        operation = asked.get("Action", "")
        try:
            if operation != "GetClusterCredentialsWithIAM":
                raise _missing(f"Redshift's {operation}")
            self._named(asked.get("ClusterIdentifier", ""))
            user, password, end = self._issue(asked.get("DurationSeconds"))
        except AwsApiError as error:
            return refuse_query(error)
        found = {"DbUser": user, "DbPassword": password, "Expiration": end.isoformat()}
        fields = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in found.items())
        inner = f"<{operation}Result>{fields}</{operation}Result>"
        text = f'<{operation}Response xmlns="{_NAMESPACE}">{inner}</{operation}Response>'
        return 200, {"Content-Type": "text/xml"}, text.encode()

    def _issue(self, seconds: Any) -> tuple[str, str, datetime]:  # noqa: ANN401 - as the request has it
        duration = int(seconds or _LEAST)
        if not _LEAST <= duration <= _MOST:
            raise AwsApiError("ValidationException", f"durationSeconds must be from {_LEAST} to {_MOST}")
        user = self.caller() or self.owner
        password, end = self.passwords.issue(user, duration)
        return user, password, end

    def _named(self, name: str) -> str:
        if name not in set(self.names):
            raise AwsApiError("ResourceNotFoundException", f"there is no workgroup or cluster {name}")
        return name


def _missing(what: str) -> AwsApiError:
    return AwsApiError("OperationNotSupportedException", f"{what} is not in the local cloud")

"""How a client comes in: encryption, the parameters of its session, its password.

The password comes as it is, as the database proves it (PostgreSQL keeps no form of it that another kind of proof could
be checked with). So from another machine it is taken in TLS only, as Redshift does where ``require_ssl`` is set.
Source: https://www.postgresql.org/docs/8.0/protocol-flow.html,
https://docs.aws.amazon.com/redshift/latest/mgmt/connecting-ssl-support.html
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from dataclasses import dataclass

from localcloud.redshift.credentials import Credentials
from localcloud.redshift.errors import LoginError, SqlError
from localcloud.redshift.port import messages
from localcloud.redshift.port.messages import Body
from localcloud.redshift.port.stream import Stream
from localcloud.redshift.port.tls import Tls

_ASK_PASSWORD, _PASSWORD = 3, b"p"
_SETTING = re.compile(r"(?:-c\s*|--)([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
#: What a client may set by the start-up message; drivers put more into it (their names, versions, wishes).
_SETTINGS = frozenset(
    {"application_name", "datestyle", "timezone", "extra_float_digits", "statement_timeout", "search_path"}
)
_UTF8 = frozenset({"", "utf8", "utf-8", "unicode", "'utf8'", "'utf-8'", "'unicode'"})


@dataclass(frozen=True)
class CancelRequest:
    """A client that wants what another connection runs to stop; both numbers were told to that one."""

    process_id: int
    secret: int


@dataclass(frozen=True)
class StartUp:
    """A client that wants to come in, as its first messages say.

    Attributes:
        database: that it names.
        settings: of its session, in order.
    """

    credentials: Credentials
    database: str
    settings: tuple[tuple[str, str], ...]


def greet(stream: Stream, tls: Tls) -> CancelRequest | StartUp:
    """Read what a client wants, up to its password.

    Raises:
        ProtocolError: it does not speak this protocol.
        SqlError: it may not come in; it is to be told so.
        EOFError: it has gone.
    """
    code, body = stream.startup()
    while code in {messages.SSL_REQUEST, messages.GSS_REQUEST}:
        is_tls = code == messages.SSL_REQUEST and not stream.is_secure
        stream.answer_encryption(tls.context() if is_tls else None)
        code, body = stream.startup()
    if code == messages.CANCEL_REQUEST:
        return CancelRequest(body.long(), body.number())
    if code >> 16 != messages.PROTOCOL >> 16:
        raise SqlError(f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: server supports 3.0", "", "0A000")
    parameters = messages.startup(body)
    if code != messages.PROTOCOL:
        # A client of 3.0, such as Redshift's JDBC driver that asks for compression, does not know this message.
        stream.write(messages.negotiated(name for name in parameters if name.startswith("_pq_.")))
    return _login(stream, parameters)


def _login(stream: Stream, parameters: dict[str, str]) -> StartUp:
    user = parameters.get("user", "")
    database = parameters.get("database") or user
    if not user:
        raise LoginError("no PostgreSQL user name specified in startup packet")
    if parameters.get("replication", "").lower() not in {"", "false", "off", "no", "0"}:
        raise LoginError("replication connections are not supported")
    if not (stream.is_secure or ipaddress.ip_address(stream.peer).is_loopback):
        raise LoginError(
            f'no pg_hba.conf entry for host "{stream.peer}", user "{user}", database "{database}", SSL off'
        )
    check_encoding(parameters.get("client_encoding", ""))
    settings = [(name, value) for name, value in parameters.items() if name.lower() in _SETTINGS]
    settings += _options(parameters.get("options", ""))
    stream.write(messages.authentication(_ASK_PASSWORD))
    kind, body = stream.read()
    if kind != _PASSWORD:
        raise LoginError(f"expected password response, got message type {kind[0]}")
    return StartUp(Credentials(user, _password(body)), database, tuple(settings))


def _password(body: Body) -> str:
    password = body.text()
    if not password:
        raise LoginError("empty password returned by client")
    return password


def check_encoding(name: str) -> None:
    """Look at a client's encoding: Redshift's texts are in UTF-8.

    Raises:
        SqlError: it is another one.
    """
    if name.lower() not in _UTF8:
        raise SqlError(f'invalid value for parameter "client_encoding": "{name}"', sqlstate="22023")


def _options(text: str) -> list[tuple[str, str]]:
    """Read ``-c name=value`` and ``--name=value`` of the start-up message's options."""
    words = shlex.split(text)
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "-c":
            joined[-1] = f"-c{word}"
        else:
            joined.append(word)
    found = [_SETTING.fullmatch(word) for word in joined]
    return [(one[1].replace("-", "_"), one[2]) for one in found if one is not None]

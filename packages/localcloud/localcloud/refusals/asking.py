"""A request as a check sees it, and a refusal in each protocol of AWS."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from localcloud.errors import AwsApiError
from localcloud.registry import Handler, Response
from localcloud.routing import error_response, json_response


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        action: The operation, as AWS names it.
        params: Its input, as the API reference names it; what a check needs of it, in REST protocols.
        headers: Names in small letters.
        body: As it came.
    """

    action: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes


Check = Callable[[Asked], None]
"""Raises `AwsApiError` for what AWS refuses."""
Reader = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, list[str]]], Asked | None]
"""Gives what a request asks for; None when no check concerns it."""


@dataclass(frozen=True, slots=True)
class Service:
    """The checks of a service.

    Attributes:
        name: MiniStack's name of it.
        read: Understands its protocol.
        refuse: Writes an error in its protocol.
        checks: By action; all of an action's checks are made, in order.
    """

    name: str
    read: Reader
    refuse: Callable[[AwsApiError], Response]
    checks: Mapping[str, Sequence[Check]]

    def guard(self, inner: Handler) -> Handler:
        """A handler that refuses what a check refuses, and hands the rest on."""

        async def guarded(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Response:
            try:
                asked = self.read(method, path, headers, body, query)
                for check in self.checks.get(asked.action, ()) if asked else ():
                    check(asked)  # type: ignore[arg-type] # is there when its checks are
            except AwsApiError as error:
                return self.refuse(error)
            return await inner(method, path, headers, body, query)

        return guarded


def read_json(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> Asked | None:
    """A request of the JSON protocol."""
    del method, path, query
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    return Asked(action, _object(body), headers, body)


def read_query(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> Asked | None:
    """A request of the query protocol."""
    del method, path
    given = {name: values[0] for name, values in query.items() if values}
    given |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return Asked(given.get("Action", ""), given, headers, body)


def refuse_json(error: AwsApiError) -> Response:
    """An error of the JSON protocol."""
    return error_response(error)


def refuse_rest_json(error: AwsApiError) -> Response:
    """An error of the REST protocol with JSON, as Lambda has it."""
    body = {"Type": "User", "Message": error.message, "message": error.message}
    return json_response(body, error.status, {"x-amzn-errortype": error.code})


def refuse_rest_xml(error: AwsApiError) -> Response:
    """An error of S3."""
    text = f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    return error.status, {"Content-Type": "application/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


def refuse_query(error: AwsApiError) -> Response:
    """An error of the query protocol."""
    inner = f"<Type>Sender</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    text = f"<ErrorResponse><Error>{inner}</Error><RequestId>refused</RequestId></ErrorResponse>"
    return error.status, {"Content-Type": "text/xml"}, text.encode()


def constraint(value: object, name: str, rule: str) -> AwsApiError:
    """The error of a value outside the limits of a service's model, in the form that all services share."""
    text = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {rule}"
    return AwsApiError("ValidationException", text)


def _object(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a body; empty when it is none, which the handler itself tells of."""
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

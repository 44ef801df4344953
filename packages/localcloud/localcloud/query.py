"""The query protocol's two directions: a form becomes a request, a result becomes XML, as a service's model says.

Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

Form = Mapping[str, str]


@lru_cache
def operation(service: str, name: str) -> OperationModel:
    """What is known of an operation.

    Args:
        service: botocore's name of the service.
        name: of the operation.
    """
    model: ServiceModel = botocore.session.Session().get_service_model(service)
    return model.operation_model(name)


def form_of(body: bytes) -> dict[str, str]:
    """A request's form."""
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def decode(form: Form, model: OperationModel) -> dict[str, Any]:
    """A request's form as the request's document; what the operation does not know is left out."""
    shape = model.input_shape
    return {} if shape is None else dict(_structure(form, "", shape))


def encode(result: Mapping[str, Any], model: OperationModel, request_id: str) -> bytes:
    """An operation's result as the body of the answer.

    Args:
        result: as a JSON protocol has it; moments are seconds since the epoch.
        model: of the operation.
        request_id: what the answer names itself.
    """
    inner = (
        ""
        if model.output_shape is None
        else f"<{model.name}Result>{_xml(result, model.output_shape)}</{model.name}Result>"
    )
    name, space = model.name, model.service_model.metadata["xmlNamespace"]
    about = f"<ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata>"
    return f'<{name}Response xmlns="{space}">{inner}{about}</{name}Response>'.encode()


def _structure(form: Form, prefix: str, shape: Shape) -> Iterator[tuple[str, Any]]:
    for name, member in _members(shape).items():
        key = f"{prefix}{name}"
        if any(given == key or given.startswith(f"{key}.") for given in form):
            yield name, _value(form, key, member)


def _value(form: Form, key: str, shape: Shape) -> object:
    if isinstance(shape, StructureShape):
        return dict(_structure(form, f"{key}.", shape))
    if isinstance(shape, ListShape):
        return list(_items(form, f"{key}.member.", shape.member))
    text = form[key]
    if shape.type_name == "boolean":
        return text == "true"
    if shape.type_name in ("integer", "long"):
        return int(text)
    return float(text) if shape.type_name in ("double", "float") else text


def _items(form: Form, prefix: str, shape: Shape) -> Iterator[object]:
    numbers = {int(given[len(prefix) :].partition(".")[0]) for given in form if given.startswith(prefix)}
    for number in sorted(numbers):
        yield _value(form, f"{prefix}{number}", shape)


def _xml(value: Any, shape: Shape) -> str:  # noqa: ANN401 - as JSON has it
    if isinstance(shape, StructureShape):
        return "".join(
            f"<{name}>{_xml(value[name], member)}</{name}>"
            for name, member in _members(shape).items()
            if value.get(name) is not None
        )
    if isinstance(shape, ListShape):
        return "".join(f"<member>{_xml(item, shape.member)}</member>" for item in value)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp":
        return datetime.fromtimestamp(float(value), UTC).isoformat().replace("+00:00", "Z")
    return escape(str(value))


def _members(shape: Shape) -> Mapping[str, Shape]:
    members: Mapping[str, Shape] = shape.members if isinstance(shape, StructureShape) else {}
    return members

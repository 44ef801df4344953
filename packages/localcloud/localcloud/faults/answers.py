"""An error as its service answers with it: code, status, and the form of its protocol.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (SlowDown and ServiceUnavailable 503,
InternalError 500, ExpiredToken 400), https://docs.aws.amazon.com/AmazonS3/latest/userguide/ErrorBestPractices.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html,
https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/common-errors.html (ThrottlingException 400,
ExpiredTokenException 403, InternalFailure 500, ServiceUnavailable 503), and the errors of each service's own model.
"""

from collections.abc import Callable, Mapping
from typing import Final

from localcloud.errors import AwsApiError
from localcloud.faults.asked import Operation
from localcloud.faults.plan import Kind
from localcloud.refusals.asking import refuse_json, refuse_query, refuse_rest_json, refuse_rest_xml
from localcloud.registry import Response

_Error = tuple[str, int, str]

_RATE = "Rate exceeded"
_INTERNAL = "The request processing has failed because of an unknown error, exception or failure."
_AWAY = "The request has failed due to a temporary failure of the server."
_EXPIRED = "The security token included in the request is expired"

COMMON: Final[Mapping[Kind, _Error]] = {
    Kind.THROTTLED: ("ThrottlingException", 400, _RATE),
    Kind.INTERNAL: ("InternalFailure", 500, _INTERNAL),
    Kind.UNAVAILABLE: ("ServiceUnavailable", 503, _AWAY),
    Kind.EXPIRED: ("ExpiredTokenException", 403, _EXPIRED),
}
"""The errors that all services share."""

OWN: Final[Mapping[str, Mapping[Kind, _Error]]] = {
    "s3": {
        Kind.THROTTLED: ("SlowDown", 503, "Please reduce your request rate."),
        Kind.INTERNAL: ("InternalError", 500, "We encountered an internal error. Please try again."),
        Kind.UNAVAILABLE: ("ServiceUnavailable", 503, "Service is unable to handle request."),
        Kind.EXPIRED: ("ExpiredToken", 400, "The provided token has expired."),
    },
    "dynamodb": {
        Kind.THROTTLED: (
            "ProvisionedThroughputExceededException",
            400,
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        Kind.INTERNAL: ("InternalServerError", 500, "The server encountered an internal error."),
        Kind.EXPIRED: ("ExpiredTokenException", 400, _EXPIRED),
    },
    "glue": {Kind.INTERNAL: ("InternalServiceException", 500, "An internal service error occurred.")},
    "lambda": {
        Kind.THROTTLED: ("TooManyRequestsException", 429, "Rate Exceeded."),
        Kind.INTERNAL: ("ServiceException", 500, "The Lambda service encountered an internal error."),
    },
    "redshift-data": {Kind.INTERNAL: ("InternalServerException", 500, "The service has an internal error.")},
    "athena": {
        Kind.THROTTLED: ("TooManyRequestsException", 400, _RATE),
        Kind.INTERNAL: ("InternalServerException", 500, "Internal server error."),
    },
    "sns": {
        Kind.THROTTLED: ("Throttled", 429, _RATE),
        Kind.INTERNAL: ("InternalError", 500, "Internal service failure."),
        Kind.EXPIRED: ("ExpiredToken", 403, _EXPIRED),
    },
    "sqs": {Kind.THROTTLED: ("RequestThrottled", 403, _RATE)},
    "secretsmanager": {Kind.INTERNAL: ("InternalServiceError", 500, "An error occurred on the server side.")},
    "events": {Kind.INTERNAL: ("InternalException", 500, "This exception occurs due to unexpected causes.")},
}
"""The errors that a service has of its own."""

_FORMS: Final[Mapping[str, Callable[[AwsApiError], Response]]] = {
    "s3": refuse_rest_xml,
    "lambda": refuse_rest_json,
    **dict.fromkeys(("sns", "sts", "iam", "monitoring"), refuse_query),
}


def answer_of(operation: Operation, kind: Kind) -> Response:
    """A service's answer to a request that goes wrong.

    Args:
        operation: What was asked for.
        kind: One of those that have an answer: throttled, 500, 503, expired token.
    """
    code, status, message = OWN.get(operation.service, {}).get(kind) or COMMON[kind]
    found, headers, body = _FORMS.get(operation.service, refuse_json)(AwsApiError(code, message, status))
    return found, headers, b"" if operation.is_head else body

"""Metrics that a Lambda function writes into its log become CloudWatch metrics, as CloudWatch Logs does it.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud import registry

logger = logging.getLogger(__name__)


def with_metrics(keep_log: Callable[..., None]) -> Callable[..., None]:
    """Make MiniStack's keeper of function logs also put the metrics in them.

    Args:
        keep_log: takes a function's record, a request id, the invocation's output and more.
    """

    def keep(function: Any, request_id: str, output: str, *more: Any, **named: Any) -> None:  # noqa: ANN401 - its own
        keep_log(function, request_id, output, *more, **named)
        for line in (output or "").splitlines():
            try:
                for namespace, datum in list(metrics_in(line)):
                    registry.put_metric_data(namespace, [datum])
            except (KeyError, TypeError, ValueError) as error:
                # CloudWatch leaves such a line a line, too.
                logger.warning("a log line's metrics are not as the format says: %r: %s", error, line[:200])

    return keep


def metrics_in(line: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Namespace and datum of each metric, dimension set and value of a log line; nothing for other lines.

    Raises:
        KeyError, TypeError, ValueError: The line says that it has metrics, and breaks the format.
    """
    document = _document(line)
    directives = document.get("_aws", {}).get("CloudWatchMetrics", []) if document else []
    for directive in directives:
        for keys in directive.get("Dimensions", [[]]):
            dimensions = [{"Name": key, "Value": str(document[key])} for key in keys]
            for metric in directive.get("Metrics", []):
                value = document.get(metric["Name"])
                for single in value if isinstance(value, list) else [value]:
                    if single is not None:
                        yield (
                            directive["Namespace"],
                            {
                                "MetricName": metric["Name"],
                                "Dimensions": dimensions,
                                "Timestamp": document["_aws"]["Timestamp"] / 1000,
                                "Unit": metric.get("Unit", "None"),
                                "Value": float(single),
                            },
                        )


def _document(line: str) -> dict[str, Any]:
    if not line.startswith("{") or '"_aws"' not in line:
        return {}
    try:
        document = json.loads(line)
    except json.JSONDecodeError:
        logger.debug("a log line is not JSON document: %s", line[:100])
        return {}
    is_embedded = isinstance(document, Mapping) and isinstance(document.get("_aws"), Mapping)
    return dict(document) if is_embedded else {}

"""The log of a Lambda function: powertools' lines, with the names and the limits of `sluice.logs`."""

import logging

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from sluice.logs import ContextFilter, to_line

PACKAGES = frozenset({"crawlers", "lambda_trigger", "sluice"})


def function_logger() -> Logger:
    """The logger of a function's handler, whose lines have the same keys as those of a Glue job."""
    logger = Logger(
        service="sluice-trigger", utc=True, use_rfc3339=True, serialize_stacktrace=False, json_serializer=to_line
    )
    logger.registered_handler.addFilter(ContextFilter())
    return logger


def share(logger: Logger) -> None:
    """Have our packages write through the handler's logger.

    Side Effects:
        Replaces their handlers and their level.
    """
    for name in PACKAGES:
        # powertools passes by what nobody has asked for yet.
        logging.getLogger(name)
    copy_config_to_registered_loggers(logger, include=set(PACKAGES))
    # powertools adds it for what the filter calls `logger`.
    logger.remove_keys(["name"])

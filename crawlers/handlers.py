"""The Lambda function that follows crawls, with the doors of `schema_sync` put together once per container."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

from crawlers.schema_sync import SchemaSync
from lambda_trigger.logs import function_logger, share
from lambda_trigger.metrics import EmfMetrics
from lambda_trigger.notifier import Notifier
from sluice.aws.arns import Arns
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.aws.documents import Documents
from sluice.aws.samples import Samples
from sluice.aws.schemas import CatalogSchemas
from sluice.aws.topics import Topics
from sluice.contract import Contract
from sluice.contract.packaged import packaged_contracts
from sluice.drift.redshift import RedshiftSurvey
from sluice.drift.survey import Survey
from sluice.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = function_logger()


def _now() -> datetime:
    return datetime.now(UTC)


def sync_of(clients: Clients, settings: Settings, contracts: Mapping[str, Contract]) -> SchemaSync:
    """A schema sync with doors to an account, or to the local cloud."""
    catalog, metrics = CatalogSchemas(clients.glue), EmfMetrics()
    warehouse = DataApi(clients.redshift_data, Address.from_settings(settings))
    survey = Survey(catalog, Samples(clients.s3), RedshiftSurvey(warehouse, settings), settings, _now)
    notifier = Notifier(Topics(clients.sns, Arns(clients.sts)), metrics, settings, _now)
    return SchemaSync(catalog, survey, Documents(clients.s3), contracts, settings, notifier, metrics, _now)


@cache
def schema_sync() -> SchemaSync:
    """The sync of this container, made at the first event from the environment and the packaged contracts."""
    share(logger)
    return sync_of(Clients(), Settings.from_environment(), packaged_contracts())


@logger.inject_lambda_context
def sync_schema(event: dict[str, Any], context: "LambdaContext") -> None:  # noqa: ARG001 - Lambda's signature
    """Compare what was crawled with its contracts: Glue Crawler State Change, by way of EventBridge.

    Source: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
    """
    detail = EventBridgeEvent(event).detail
    schema_sync().on_crawl(detail["crawlerName"], detail["state"])

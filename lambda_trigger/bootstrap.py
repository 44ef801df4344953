"""Lambda, called by the deploy: makes the warehouse ready for the contracts that are packaged with it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lambda_trigger.logs import function_logger, share
from sluice.aws.bootstrap import run_bootstrap
from sluice.aws.clients import Clients
from sluice.aws.data_api import Address, DataApi
from sluice.contract.packaged import packaged_contracts
from sluice.settings import Settings
from sluice.warehouse.bootstrap import Grants, bootstrap_steps
from sluice.warehouse.fixed import fixed_sql
from sluice.warehouse.isolation import meaning_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = function_logger()


@logger.inject_lambda_context
def handler(event: Mapping[str, Sequence[str]], context: "LambdaContext") -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Create what the warehouse lacks; it may be called again at any time.

    Args:
        event: ``readers`` and ``callers``: names of database users, as `Grants` has them; nobody when left out.
        context: Lambda's own.

    Returns:
        ``statements``: how many were run.
    """
    share(logger)
    settings = Settings.from_environment()
    grants = Grants(tuple(event.get("readers", ())), tuple(event.get("callers", ())))
    warehouse = DataApi(Clients().redshift_data, Address.from_settings(settings))
    statements = run_bootstrap(warehouse, bootstrap_steps(settings, packaged_contracts(), grants))
    for (level,) in warehouse.rows(fixed_sql("live")["isolation"], label="look at the isolation level"):
        logger.info("isolation level %s: %s", level, meaning_of(str(level)))
    return {"statements": statements}

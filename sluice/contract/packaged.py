"""The contracts that a package carries: Lambda and Glue find them as JSON inside the ``sluice`` package."""

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from sluice.contract.load import parse_contracts
from sluice.contract.model import Contract
from sluice.errors import ContractError

PACKAGED_CONTRACTS = "contracts.json"


def is_packaged() -> bool:
    """Whether this copy of Sluice carries contracts."""
    return _resource().is_file()


@cache
def packaged_contracts() -> dict[str, Contract]:
    """The contracts by dataset.

    Raises:
        ContractError: This copy of Sluice was not packaged, or its contracts break a rule.
    """
    resource = _resource()
    if not resource.is_file():
        raise ContractError(f"sluice/{PACKAGED_CONTRACTS}: not found; this copy of Sluice was not packaged")
    return parse_contracts(resource.read_text(encoding="utf-8"), PACKAGED_CONTRACTS)


def _resource() -> Traversable:
    return resources.files("sluice").joinpath(PACKAGED_CONTRACTS)

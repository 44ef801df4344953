"""Finding a dataset's contract, which may be gone: datasets are taken out while batches are on their way."""

from collections.abc import Mapping

from sluice.contract.model import Contract
from sluice.errors import UnknownDatasetError


def contract_of(contracts: Mapping[str, Contract], dataset: str) -> Contract:
    """The contract of a dataset.

    Args:
        contracts: The contracts by dataset.
        dataset: The dataset.

    Raises:
        UnknownDatasetError: It has none.
    """
    found = contracts.get(dataset)
    if found is None:
        raise UnknownDatasetError(f"no contract has the dataset {dataset} (known: {', '.join(sorted(contracts))})")
    return found

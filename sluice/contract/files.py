"""Contracts in a repository: one YAML file per dataset."""

from pathlib import Path
from typing import Any

import yaml

from sluice.contract.load import by_dataset, parse_contract
from sluice.contract.model import Contract
from sluice.errors import ContractError


class _ContractYaml(yaml.SafeLoader):
    """YAML whose mappings have no key twice and whose dates stay text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse what plain YAML takes in silence: the last of two equal keys."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                mark = key_node.start_mark
                raise ContractError(f"line {mark.line + 1}: key {key!r} stands twice in one mapping")
            seen.add(key)
        return super().construct_mapping(node, deep)


_ContractYaml.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_contract(path: Path) -> Contract:
    """Read one contract from a YAML file.

    Raises:
        ContractError: The file is not valid YAML, or breaks a rule.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _ContractYaml)  # noqa: S506 - a SafeLoader
    except ContractError as exc:
        raise ContractError(f"{path}: {exc}") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ContractError(f"{path}: not valid YAML: {' '.join(str(exc).split())}") from exc
    return parse_contract(data, str(path))


def read_contracts(folder: Path) -> dict[str, Contract]:
    """Read every ``*.yaml`` of a folder and check them against each other.

    Returns:
        The contracts by dataset, sorted.

    Raises:
        ContractError: There is none, one breaks a rule, or two do not go together.
    """
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise ContractError(f"{folder}: no contract (*.yaml) found")
    contracts, problems = [], []
    for path in paths:
        try:
            contracts.append(_read_named(path))
        except ContractError as exc:
            problems.append(str(exc))
    if problems:
        raise ContractError("\n".join(problems))
    return by_dataset(contracts, str(folder))


def _read_named(path: Path) -> Contract:
    """A contract whose file has the name of its dataset."""
    contract = read_contract(path)
    if path.stem != contract.dataset:
        raise ContractError(f"{path}: dataset: {contract.dataset!r} must be in a file named {contract.dataset}.yaml")
    return contract

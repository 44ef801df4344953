"""The options that stand before the command, in a module that is quick to import."""

from dataclasses import dataclass
from pathlib import Path


@dataclass
class GlobalOptions:
    """The options that stand before the command. Filled by the command line, read by the commands.

    Attributes:
        endpoint_url: Endpoint that was asked for; empty to find one.
        is_aws: Whether AWS is meant, even if a local cloud runs.
        state_dir: Where the local cloud keeps its state.
        contracts_dir: Folder of the contracts; None for ``contracts`` here, or those of the package.
        debug: Whether errors show where they come from.
    """

    endpoint_url: str = ""
    is_aws: bool = False
    state_dir: Path = Path(".sluice")
    contracts_dir: Path | None = None
    debug: bool = False

"""The options that stand before the command, in a module that is quick to import."""

from dataclasses import dataclass
from pathlib import Path

from sluice.project import Project


@dataclass
class GlobalOptions:
    """The options that stand before the command. Filled by the command line, read by the commands.

    Attributes:
        endpoint_url: Endpoint that was asked for; empty to find one.
        is_aws: Whether AWS is meant, even if a local cloud runs.
        state_dir: Where the local cloud keeps its state.
        contracts_dir: Folder of the contracts; None for ``contracts`` here, or those of the package.
        project: The project of this folder; None when it is none.
        debug: Whether errors show where they come from.
    """

    endpoint_url: str = ""
    is_aws: bool = False
    state_dir: Path = Path(".sluice")
    contracts_dir: Path | None = None
    project: Project | None = None
    debug: bool = False

    @property
    def contracts_folder(self) -> Path:
        """The folder of the contracts: the one that was asked for, the project's, or ``contracts`` here."""
        return self.contracts_dir or (Path("contracts") if self.project is None else self.project.contracts)

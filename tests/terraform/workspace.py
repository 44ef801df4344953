"""Terraform on a copy of ``terraform/``, so that the tree stays as it is."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.catalog import write_catalog
from deploy.packages import write_packages
from sluice.contract.files import read_contracts

ROOT = Path(__file__).resolve().parents[2]
MIRROR_VARIABLE = "SLUICE_TERRAFORM_MIRROR"
PROVIDER = "registry.terraform.io/hashicorp/aws"

Json = dict[str, Any]


class TerraformError(AssertionError):
    """A terraform command failed; the message is its output."""


@dataclass(frozen=True)
class Workspace:
    """A folder with ``terraform/``, ``contracts/`` and ``dist/``, initialised once.

    Attributes:
        folder: The folder.
        terraform: Path of the program.
        mirror: Folder of providers; None takes them from the registry.
    """

    folder: Path
    terraform: str
    mirror: Path | None

    @classmethod
    def make(cls, folder: Path, terraform: str, mirror: Path | None) -> "Workspace":
        """Copy the tree, build the packages and initialise.

        Args:
            folder: An empty folder.
            terraform: Path of the program.
            mirror: Folder of providers; None takes them from the registry.
        """
        shutil.copytree(ROOT / "terraform", folder / "terraform", ignore=shutil.ignore_patterns(".terraform"))
        shutil.copytree(ROOT / "contracts", folder / "contracts")
        write_packages(folder / "dist", read_contracts(folder / "contracts"))
        write_catalog(folder / "dist", folder / "contracts")
        workspace = cls(folder, terraform, mirror)
        workspace.init(folder / "terraform")
        return workspace

    def init(self, configuration: Path) -> None:
        """Install providers and modules for a configuration."""
        place = [] if self.mirror is None else [f"-plugin-dir={self.mirror}"]
        self.run("init", "-backend=false", "-input=false", "-lockfile=readonly", *place, configuration=configuration)

    def run(self, *arguments: str, configuration: Path | None = None) -> str:
        """Run terraform; its standard output.

        Raises:
            TerraformError: It failed.
        """
        place = configuration or self.folder / "terraform"
        result = subprocess.run(
            [self.terraform, *arguments],
            cwd=place,
            env=self._environment(place),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise TerraformError(f"terraform {' '.join(arguments)}:\n{result.stdout}\n{result.stderr}")
        return result.stdout

    def tested(self, *arguments: str) -> list[Json]:
        """Messages of ``terraform test``, whether it passed or not."""
        place = self.folder / "terraform"
        result = subprocess.run(
            [self.terraform, "test", "-json", *arguments],
            cwd=place,
            env=self._environment(place),
            capture_output=True,
            text=True,
            check=False,
        )
        return [json.loads(line) for line in result.stdout.splitlines()]

    def _environment(self, configuration: Path) -> dict[str, str]:
        """No configuration, credentials or data of the machine's own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
        return kept | {
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_DATA_DIR": str(configuration / ".terraform"),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            # Most of what Terraform and its provider do is to read the provider's schema, and a third of that is Go's
            # garbage collector. Source: https://pkg.go.dev/runtime (GOGC)
            "GOGC": "400",
        }


def find_mirror() -> Path | None:
    """The folder of providers: what the variable says, Terraform's own places, or one below ``/opt``.

    Source: https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
    """
    named = os.environ.get(MIRROR_VARIABLE)
    if named is not None:
        return Path(named)
    return next((place for place in _places() if (place / PROVIDER).is_dir()), None)


def _places() -> Iterator[Path]:
    home = Path.home()
    yield home / ".terraform.d" / "plugins"
    yield Path(os.environ.get("XDG_DATA_HOME", home / ".local" / "share")) / "terraform" / "plugins"
    for folder in os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":"):
        yield Path(folder) / "terraform" / "plugins"
    yield from sorted(Path("/opt").glob("*"))

"""The import rules of ``pyproject.toml`` know every room of the library and make no exception; lint holds them."""

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
RULES: dict[str, Any] = {rule["name"]: rule for rule in SETTINGS["contracts"]}


def rooms() -> set[str]:
    """Packages and modules right below ``sluice``."""
    found = (ROOT / "sluice").iterdir()
    return {f"sluice.{path.stem}" for path in found if path.suffix == ".py" or (path / "__init__.py").is_file()} - {
        "sluice.__init__"
    }


def test_every_room_has_its_place_in_the_order() -> None:
    layers = RULES["Imports go one way"]["layers"]
    named = [name for layer in layers for name in re.split(r"[|:\s]+", layer)]
    ours = {name for name in SETTINGS["root_packages"] if name not in {"sluice", "localcloud"}}
    assert sorted(named) == sorted(rooms() | ours)


def test_only_the_command_line_may_know_the_local_cloud() -> None:
    named = set(RULES["The product does without the local cloud"]["source_modules"])
    assert named == (rooms() - {"sluice.cli"}) | {"glue_jobs", "lambda_trigger", "crawlers", "deploy"}


def test_no_rule_has_an_exception() -> None:
    assert [name for name, rule in RULES.items() if "ignore_imports" in rule] == []

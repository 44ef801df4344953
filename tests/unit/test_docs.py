"""What the documents say is so: links lead somewhere, references are current, the README's contract is one."""

import re
from pathlib import Path

import pytest
import yaml

from deploy.diagrams import PAGE, with_diagrams
from sluice.contract import parse_contract
from sluice.contract.reference import REFERENCE_FILE, with_reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "packages/localcloud/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_reference_of_contracts_is_current() -> None:
    current = (ROOT / REFERENCE_FILE).read_text(encoding="utf-8")
    assert current == with_reference(current), "run `make docs` and commit docs/contracts.md"


def test_the_diagrams_are_current() -> None:
    current = (ROOT / PAGE).read_text(encoding="utf-8")
    assert current == with_diagrams(current), "run `make docs` and commit docs/architecture.md"


def test_a_page_without_a_place_for_a_diagram_is_refused() -> None:
    with pytest.raises(ValueError, match="has 0 places for the diagram 'states of a batch'"):
        with_diagrams("# A page\n")


def test_the_readmes_contract_is_valid() -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    contract = parse_contract(yaml.safe_load(text), "README.md")
    assert (contract.dataset, contract.table("payments").primary_key) == ("payments", ("payment_id",))


def test_the_readmes_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named
    assert named <= targets


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    listed = set(re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text(encoding="utf-8")))
    pages = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("0*.md")}
    assert listed == set(pages)
    for name, text in pages.items():
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], name


def test_every_rule_of_aws_has_a_test_that_is_there() -> None:
    rows = (ROOT / "docs" / "aws-limits.md").read_text(encoding="utf-8").splitlines()
    named = [re.findall(r"`((?:tests|packages)/[\w/]+\.py)::(\w+)`", row) for row in rows if row.startswith("| ")][2:]
    assert named
    for found in named:
        [(file, name)] = found
        assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{name}"


def test_every_page_is_on_the_site() -> None:
    listed = set(re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} | {"adr/README.md"}

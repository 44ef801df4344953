"""A project of one's own: made, renewed, and read before what Sluice brings for its own datasets."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.packages import LAMBDA_PACKAGE, build
from sluice import __version__
from sluice.analysis import query as analysis
from sluice.cli import main
from sluice.contract.files import read_contracts
from sluice.project import Project, ProjectError
from sluice.warehouse import aggregate

Call = Callable[..., tuple[object, str, str]]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Calls the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    yield run
    aggregate.use_folder(None)
    analysis.use_folder(None)


@pytest.fixture
def shop(call: Call, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project, as the present folder."""
    assert call("init", "shop")[0] == 0
    folder = Path("shop").resolve()
    monkeypatch.chdir(folder)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_project_has_all_that_the_readme_names_and_nothing_is_left_to_fill_in(shop: Path) -> None:
    assert sorted(content(shop)) == [
        ".github/workflows/sluice.yml",
        ".gitignore",
        ".vscode/extensions.json",
        ".vscode/settings.json",
        "README.md",
        "aggregates/daily_payments.sql",
        "contracts/contract.schema.json",
        "contracts/payments.yaml",
        "infra/main.tf",
        "queries/largest_payments.sql",
        "requirements.txt",
        "samples/payments/2026-11-20/13/payments.csv",
        "sluice.toml",
    ]
    assert [name for name, body in content(shop).items() if b"@NAME@" in body or b"@VERSION@" in body] == []
    assert Project.find(shop) == Project(
        "shop", "eu-central-1", shop / "contracts", shop / "aggregates", shop / "queries"
    )
    assert (shop / "requirements.txt").read_text(encoding="utf-8") == f"sluice[local]=={__version__}\n"


def test_its_contract_is_valid_and_takes_its_sample(shop: Path, call: Call) -> None:
    assert call("contract", "check")[0] == 0
    status, out, _ = call("try", "payments", "samples/payments", "--json")
    found = json.loads(out)
    assert (status, found["records"], found["rejected"], found["tables"][0]["published"]) == (0, 5, 0, 4)


def test_its_own_aggregates_and_queries_are_the_only_ones(shop: Path, call: Call) -> None:
    assert [row["name"] for row in json.loads(call("query", "saved", "--json")[1])] == ["largest_payments"]
    assert call("package")[0] == 0
    with zipfile.ZipFile("dist/sluice-lambda.zip") as archive:
        names = [name for name in archive.namelist() if name.startswith("sluice/warehouse/aggregates/")]
        assert names == ["sluice/warehouse/aggregates/daily_payments.sql"]
        assert archive.read(names[0]) == (shop / "aggregates/daily_payments.sql").read_bytes()
    catalog = json.loads(Path("dist/catalog.json").read_text(encoding="utf-8"))
    assert (catalog["datasets"], list(catalog["queries"])) == (["payments"], ["largest_payments"])
    module = Path("dist/terraform")
    assert (module / "stack.json").read_bytes() == (ROOT / "terraform/stack.json").read_bytes()
    assert not (module / "tests").exists()


def test_outside_of_a_project_everything_is_as_before(shop: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    call("query", "saved", "--json")
    monkeypatch.chdir(ROOT)
    assert "top_products" in [row["name"] for row in json.loads(call("query", "saved", "--json")[1])]
    body = build(LAMBDA_PACKAGE, read_contracts(ROOT / "contracts"))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert "sluice/warehouse/aggregates/top_products.sql" in archive.namelist()


def test_init_again_renews_what_is_sluices_own_and_nothing_else(shop: Path, call: Call) -> None:
    """As after an update: the project was made by another version."""
    mine = {"contracts/payments.yaml": "mine", "infra/main.tf": "mine too"}
    for name, text in mine.items():
        (shop / name).write_text(text, encoding="utf-8")
    (shop / "queries/largest_payments.sql").unlink()
    (shop / "requirements.txt").write_text("sluice[local]==0.0.1\n", encoding="utf-8")
    (shop / "contracts/contract.schema.json").write_text("{}", encoding="utf-8")
    before = content(shop)
    status, out, err = call("init", ".")
    assert (status, sorted(out.split())) == (0, ["contracts/contract.schema.json", "requirements.txt"])
    assert "2 files renewed" in err
    after = content(shop)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"contracts/contract.schema.json", "requirements.txt"}
    assert after["requirements.txt"].decode() == f"sluice[local]=={__version__}\n"


def test_a_folder_with_other_files_is_left_alone(call: Call) -> None:
    Path("shop").mkdir()
    Path("shop/notes.txt").write_text("mine", encoding="utf-8")
    status, out, err = call("init", "shop")
    assert (status, out, content(Path("shop"))) == (1, "", {"notes.txt": b"mine"})
    assert "is not a project of Sluice" in err


@pytest.mark.parametrize("name", ["Shop", "s", "a_b", "1shop", "shop" * 5])
def test_a_name_that_no_deployment_can_have_is_refused(call: Call, name: str) -> None:
    status, _, err = call("init", name)
    assert (status, Path(name).exists()) == (1, False)
    assert "give one with --name" in err
    assert call("init", name, "--name", "shop")[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        ("", "name: is missing"),
        ("name = 3", "name: must be text, not 3"),
        ('name = "a"\nregoin = "x"', "regoin: unknown field (known: name, region, folders); did you mean 'region'?"),
        ('name = "a"\n[folders]\ncontract = "x"', "folders.contract: unknown field"),
        ('name = "a"\nfolders = "x"', "folders: must be a table"),
        ('name = "a"\n[folders]\nqueries = ""', "folders.queries: must be text, not ''"),
    ],
)
def test_what_is_wrong_in_its_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "sluice.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        Project.find(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'sluice.toml'}: ")
    assert message in str(caught.value)

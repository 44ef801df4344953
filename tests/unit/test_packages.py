"""The zips that ship: reproducible, pure Python, and complete but for what the runtimes bring."""

import ast
import io
import json
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import sluice
from deploy.packages import ENTRY_SCRIPTS, GLUE_PACKAGE, LAMBDA_PACKAGE, Package, PackageError, build, write_packages
from sluice.contract import parse_contracts
from sluice.contract.files import read_contracts

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = read_contracts(ROOT / "contracts")

STACK = json.loads((ROOT / "terraform/stack.json").read_text(encoding="utf-8"))

# What the runtimes bring: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html and
# https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html
BOTO = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
GLUE_RUNTIME = (*BOTO, "pyspark", "py4j", "pyarrow", "PyYAML")
SHIM = ROOT / "packages/localcloud/localcloud/glue/shim"

HANDLERS = tuple(function["handler"] for function in STACK["functions"].values())
LAMBDA_MODULES = tuple(name.rpartition(".")[0] for name in HANDLERS)
GLUE_MODULES = tuple(f"glue_jobs.{job['script'].removesuffix('.py')}" for job in STACK["glue"]["jobs"].values())
OLDEST, LAMBDAS = (3, 11), tuple(map(int, STACK["lambda"]["runtime"].removeprefix("python").split(".")))
"""Python of the oldest Glue that the jobs run on (5.0), and of the functions."""


def _runtime(folder: Path, distributions: tuple[str, ...]) -> Path:
    """A folder with these distributions and nothing else."""
    folder.mkdir()
    for name in distributions:
        for top in {file.parts[0] for file in metadata.files(name) or [] if file.parts[0] not in ("..", "__pycache__")}:
            place = Path(str(metadata.distribution(name).locate_file(top)))
            if not (folder / top).exists() and not top.endswith(".dist-info"):
                (folder / top).symlink_to(place)
    return folder


def _run_bare(python: str, places: list[Path], lines: list[str], folder: Path) -> tuple[int, str, str]:
    """Run a program that finds these places and its own standard library, and nothing else.

    -I and -S: neither the checkout nor the environment's libraries can be found.
    """
    program = "\n".join([f"import sys; sys.path += {[str(place) for place in places]!r}", *lines])
    done = subprocess.run(
        [python, "-I", "-S", "-B", "-c", program], capture_output=True, text=True, check=False, cwd=folder
    )
    return done.returncode, done.stdout, done.stderr


def _written(package: Package, folder: Path) -> Path:
    path = folder / "package.zip"
    path.write_bytes(build(package, CONTRACTS))
    return path


SHOW = [
    "import sluice",
    "from sluice.contract.packaged import packaged_contracts",
    "from sluice.warehouse.aggregate import plans",
    "contracts = packaged_contracts()",
    "print(sluice.__version__, *contracts, len(plans(contracts, 'public')))",
]
SHOWN = f"{sluice.__version__} customers orders products transactions 4\n"


def test_functions_are_the_handlers_of_the_zip(tmp_path: Path) -> None:
    assert set(LAMBDA_MODULES) == {"lambda_trigger.handlers", "lambda_trigger.bootstrap", "crawlers.handlers"}
    places = [_written(LAMBDA_PACKAGE, tmp_path), _runtime(tmp_path / "runtime", BOTO)]
    # A handler that needs its settings to be imported would fail at the start of the function only.
    lines = [line for name in HANDLERS for line in (f"import {name.rpartition('.')[0]}", f"assert callable({name})")]
    assert _run_bare(sys.executable, places, [*lines, *SHOW], tmp_path) == (0, SHOWN, "")


@pytest.mark.parametrize(("variables", "made"), [({"AWS_LAMBDA_FUNCTION_NAME": "sluice-on-manifest"}, 1), ({}, 0)])
def test_a_function_has_its_clients_before_its_first_event(
    variables: dict[str, str], made: int, tmp_path: Path
) -> None:
    zip_path = _written(LAMBDA_PACKAGE, tmp_path)
    runtime = _runtime(tmp_path / "runtime", BOTO)
    environment = variables | {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
    lines = [
        f"import os; os.environ.update({environment!r})",
        "import lambda_trigger.handlers",
        "from lambda_trigger.trigger import trigger_of_container",
        "print(trigger_of_container.cache_info().currsize)",
    ]
    assert _run_bare(sys.executable, [zip_path, runtime], lines, tmp_path) == (0, f"{made}\n", "")


def test_jobs_find_all_that_they_import(tmp_path: Path) -> None:
    places = [_written(GLUE_PACKAGE, tmp_path), _runtime(tmp_path / "runtime", GLUE_RUNTIME), SHIM]
    lines = [f"import {name}" for name in GLUE_MODULES]
    assert _run_bare(sys.executable, places, [*lines, *SHOW], tmp_path) == (0, SHOWN, "")


@pytest.mark.parametrize("name", ENTRY_SCRIPTS)
def test_an_entry_script_finds_all_that_it_imports(tmp_path: Path, name: str) -> None:
    """The script lies beside the zip, and it is not a module of it that is run."""
    places = [_written(GLUE_PACKAGE, tmp_path), _runtime(tmp_path / "runtime", GLUE_RUNTIME), SHIM]
    write_packages(tmp_path / "dist", CONTRACTS)
    lines = ["import runpy", f"print('main' in runpy.run_path({str(tmp_path / 'dist' / name)!r}, run_name='script'))"]
    assert _run_bare(sys.executable, places, lines, tmp_path) == (0, "True\n", "")


def _other_python() -> str:
    """The Python of the functions, where this is another one."""
    name = ".".join(map(str, LAMBDAS))
    python = sys.executable if sys.version_info[:2] == LAMBDAS else shutil.which(f"python{name}")
    # A version manager leaves a name for every version that it knows, and each runs only where it is chosen.
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"there is no Python {name} here")
    return python


def test_functions_run_on_their_python(tmp_path: Path) -> None:
    places = [_written(LAMBDA_PACKAGE, tmp_path), _runtime(tmp_path / "runtime", BOTO)]
    lines = ["import warnings; warnings.simplefilter('error')", *(f"import {name}" for name in LAMBDA_MODULES)]
    assert _run_bare(_other_python(), places, [*lines, *SHOW], tmp_path) == (0, SHOWN, "")


def test_jobs_compile_on_the_newest_glues_python(tmp_path: Path) -> None:
    """Glue 6.0 has the Python of the functions."""
    lines = [
        "import warnings, zipfile; warnings.simplefilter('error')",
        "archive = zipfile.ZipFile(sys.path[-1])",
        "names = [name for name in archive.namelist() if name.endswith('.py')]",
        "print(len([compile(archive.read(name), name, 'exec') for name in names]) > 100)",
    ]
    assert _run_bare(_other_python(), [_written(GLUE_PACKAGE, tmp_path)], lines, tmp_path) == (0, "True\n", "")


@pytest.mark.parametrize("package", [LAMBDA_PACKAGE, GLUE_PACKAGE], ids=lambda package: package.name)
def test_zip_has_the_syntax_of_the_oldest_python(package: Package) -> None:
    with zipfile.ZipFile(io.BytesIO(build(package, CONTRACTS))) as archive:
        names = [name for name in archive.namelist() if name.endswith(".py")]
        assert all(ast.parse(archive.read(name), name, feature_version=OLDEST) is not None for name in names)
    assert len(names) > 100


TOOLS = ("analysis/", "cli/", "doctor/", "simulator/", "ledger/retry.py", "_parts/")


@pytest.mark.parametrize(
    ("package", "has", "has_not"),
    [
        (LAMBDA_PACKAGE, ("drift/", "infer/", "ledger/record.py"), (*TOOLS, "kernel/")),
        (GLUE_PACKAGE, ("kernel/", "lake/handover.py"), (*TOOLS, "drift/", "infer/")),
    ],
    ids=lambda value: value.name if isinstance(value, Package) else "",
)
def test_zip_has_what_runs_there_and_nothing_else(
    package: Package, has: tuple[str, ...], has_not: tuple[str, ...]
) -> None:
    with zipfile.ZipFile(io.BytesIO(build(package, CONTRACTS))) as archive:
        packed = set(archive.namelist())
    inside = {name.removeprefix("sluice/") for name in packed if name.startswith("sluice/")}
    assert [part for part in has if not any(name.startswith(part) for name in inside)] == []
    assert [name for name in inside if name.startswith(has_not)] == []
    for program in package.programs:  # SQL and Python alike: a file that is not in the zip is missed only in AWS.
        files = [path for path in (ROOT / program).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert {path.relative_to(ROOT).as_posix() for path in files} <= packed
    sql = {f"sluice/{path.relative_to(ROOT / 'sluice')}" for path in (ROOT / "sluice" / "warehouse").rglob("*.sql")}
    assert sql
    assert sql <= packed


@pytest.mark.parametrize("package", [LAMBDA_PACKAGE, GLUE_PACKAGE], ids=lambda package: package.name)
def test_distributions_are_for_any_platform(package: Package) -> None:
    """What is built here is run on another processor; a wheel that is tied to this one would not work there."""
    for name in package.distributions:
        wheel = metadata.distribution(name).read_text("WHEEL")
        assert wheel is not None
        tags = [line for line in wheel.splitlines() if line.startswith("Tag:")]
        assert all(tag.endswith("-none-any") for tag in tags), (name, tags)


@pytest.mark.parametrize("package", [LAMBDA_PACKAGE, GLUE_PACKAGE], ids=lambda package: package.name)
def test_zip_is_pure_and_reproducible(package: Package) -> None:
    body = build(package, CONTRACTS)
    assert body == build(package, CONTRACTS)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        names = archive.namelist()
        assert parse_contracts(archive.read("sluice/contracts.json").decode()) == CONTRACTS
    assert names == sorted(set(names))
    assert [name for name in names if name.endswith((".so", ".pyd", ".pyc"))] == []
    assert [name for name in names if name.startswith(("localcloud/", "sluice_laptop/", "deploy/"))] == []
    # Lambda takes at most 50 MB zipped, and a start is faster the less there is.
    assert len(body) < 1_600_000


def test_unknown_distribution_is_named() -> None:
    with pytest.raises(PackageError, match="'no-such-distribution' is not installed"):
        build(Package("x", ("crawlers",), ("no-such-distribution",)), CONTRACTS)


def test_packages_are_written(tmp_path: Path) -> None:
    written = write_packages(tmp_path / "dist", CONTRACTS)
    assert [path.name for path in written] == [
        "sluice-lambda.zip",
        "sluice-glue.zip",
        "raw_to_parquet.py",
        "load_redshift.py",
    ]
    assert (tmp_path / "dist" / "raw_to_parquet.py").read_bytes() == (ROOT / "glue_jobs/raw_to_parquet.py").read_bytes()

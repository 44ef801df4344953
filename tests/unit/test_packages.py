"""The zips that ship: reproducible, pure Python, and complete but for what the runtimes bring."""

import io
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from deploy.packages import GLUE_PACKAGE, LAMBDA_PACKAGE, Package, PackageError, build, write_packages
from sluice.contract import parse_contracts
from sluice.contract.files import read_contracts

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = read_contracts(ROOT / "contracts")

# What the runtimes bring: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html and
# https://docs.aws.amazon.com/glue/latest/dg/migrating-version-60.html
BOTO = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
GLUE_RUNTIME = (*BOTO, "pyspark", "py4j", "pyarrow")

LAMBDA_MODULES = ("lambda_trigger.on_manifest", "lambda_trigger.on_job_change", "lambda_trigger.sweep")
GLUE_MODULES = ("glue_jobs.raw_to_parquet", "glue_jobs.load_redshift")


def _runtime(folder: Path, distributions: tuple[str, ...]) -> Path:
    """A folder with these distributions and nothing else."""
    folder.mkdir()
    for name in distributions:
        for top in {file.parts[0] for file in metadata.files(name) or [] if file.parts[0] not in ("..", "__pycache__")}:
            place = Path(str(metadata.distribution(name).locate_file(top)))
            if not (folder / top).exists() and not top.endswith(".dist-info"):
                (folder / top).symlink_to(place)
    return folder


@pytest.mark.parametrize(
    ("package", "runtime", "modules", "more"),
    [
        pytest.param(LAMBDA_PACKAGE, BOTO, LAMBDA_MODULES, (), id="lambda"),
        pytest.param(GLUE_PACKAGE, GLUE_RUNTIME, GLUE_MODULES, (ROOT / "localcloud/glue/shim",), id="glue"),
    ],
)
def test_zip_is_complete(
    tmp_path: Path, package: Package, runtime: tuple[str, ...], modules: tuple[str, ...], more: tuple[Path, ...]
) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(build(package, CONTRACTS))
    places = [str(path), str(_runtime(tmp_path / "runtime", runtime)), *map(str, more)]
    lines = [f"import sys; sys.path += {places!r}", *(f"import {name}" for name in modules)]
    lines += ["from sluice.contract.packaged import packaged_contracts", "print(*packaged_contracts())"]
    # -I and -S: neither the checkout nor the environment's libraries can be found.
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "\n".join(lines)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "customers orders products transactions\n", "")


@pytest.mark.parametrize("package", [LAMBDA_PACKAGE, GLUE_PACKAGE], ids=lambda package: package.name)
def test_zip_is_pure_and_reproducible(package: Package) -> None:
    body = build(package, CONTRACTS)
    assert body == build(package, CONTRACTS)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        names = archive.namelist()
        assert parse_contracts(archive.read("sluice/contracts.json").decode()) == CONTRACTS
    assert names == sorted(set(names))
    assert [name for name in names if name.endswith((".so", ".pyd", ".pyc"))] == []
    assert [name for name in names if name.startswith(("sluice/cli/", "sluice/simulator/", "localcloud/"))] == []
    # Lambda takes at most 50 MB zipped, and a start is faster the less there is.
    assert len(body) < 2_000_000


def test_unknown_distribution_is_named() -> None:
    with pytest.raises(PackageError, match="'no-such-distribution' is not installed"):
        build(Package("x", ("sluice",), ("no-such-distribution",)), CONTRACTS)


def test_packages_are_written(tmp_path: Path) -> None:
    written = write_packages(tmp_path / "dist", CONTRACTS)
    assert [path.name for path in written] == [
        "sluice-lambda.zip",
        "sluice-glue.zip",
        "raw_to_parquet.py",
        "load_redshift.py",
    ]
    assert (tmp_path / "dist" / "raw_to_parquet.py").read_bytes() == (ROOT / "glue_jobs/raw_to_parquet.py").read_bytes()

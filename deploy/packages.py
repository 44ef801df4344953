"""Builds what ships: one zip for all Lambda functions and one for ``--extra-py-files`` of all Glue jobs.

Each has the packages that run there, and of the shared library `sluice` what these import: no list says what ships.
Both hold pure Python only (a zip cannot import compiled modules, and Glue starts faster without pip) and carry the
contracts as JSON. The same sources give the same bytes, so that an unchanged package is an unchanged deployment.
"""

import hashlib
import logging
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from io import BytesIO
from pathlib import Path, PurePosixPath

from deploy.imports import reached
from sluice.contract import Contract, dump_contracts
from sluice.contract.files import read_contracts
from sluice.contract.packaged import PACKAGED_CONTRACTS
from sluice.errors import TerminalError
from sluice.root import PACKAGE, PARTS_FOLDER, ROOT
from sluice.warehouse.aggregate import own_folder

logger = logging.getLogger(__name__)

ENTRY_SCRIPTS = ("raw_to_parquet.py", "load_redshift.py")

_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE_BY_ALL = 0o100644 << 16
_COMPILED = {".so", ".pyd", ".dylib"}
_AGGREGATES = "sluice/warehouse/aggregates/"


class PackageError(TerminalError):
    """A package cannot be built; the message names the distribution."""


@dataclass(frozen=True)
class Package:
    """What goes into one zip.

    Attributes:
        name: File name without its ending.
        programs: Our packages that run there.
        distributions: Installed distributions that are not part of the runtime, dependencies included.
    """

    name: str
    programs: tuple[str, ...]
    distributions: tuple[str, ...]


_CONTRACT_READER = ("attrs", "cattrs", "typing-extensions")
LAMBDA_PACKAGE = Package(
    "sluice-lambda",
    ("lambda_trigger", "crawlers"),
    (*_CONTRACT_READER, "aws-lambda-powertools", "defusedxml", "jmespath"),
)
GLUE_PACKAGE = Package("sluice-glue", ("glue_jobs",), (*_CONTRACT_READER, "defusedxml"))


def build(package: Package, contracts: Mapping[str, Contract]) -> bytes:
    """Make one zip.

    Args:
        package: What to put in.
        contracts: The contracts that the zip carries.

    Returns:
        The zip; equal for equal sources.

    Raises:
        PackageError: A distribution is not installed, or holds nothing that a zip can import.
    """
    programs = {name: list(_files(ROOT / name)) for name in package.programs}
    files = {
        f"{name}/{path.relative_to(ROOT / name).as_posix()}": path.read_bytes()
        for name, found in programs.items()
        for path in found
    }
    modules = [path for found in programs.values() for path in found if path.suffix == ".py"]
    files.update(_library_files(reached(modules, PACKAGE)))
    for name in package.distributions:
        files.update(_distribution_files(name))
    own = own_folder()
    if own is not None:
        files = {name: body for name, body in files.items() if not name.startswith(_AGGREGATES)}
        files |= {f"{_AGGREGATES}{path.name}": path.read_bytes() for path in sorted(own.glob("*.sql"))}
    files[f"sluice/{PACKAGED_CONTRACTS}"] = dump_contracts(contracts.values()).encode()
    return _zip(files)


def write_packages(folder: Path, contracts: Mapping[str, Contract]) -> list[Path]:
    """Write both zips and the entry scripts of the Glue jobs.

    Returns:
        The files written.

    Side Effects:
        Makes the folder; replaces the files of an earlier build.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for package in (LAMBDA_PACKAGE, GLUE_PACKAGE):
        path = folder / f"{package.name}.zip"
        path.write_bytes(build(package, contracts))
        written.append(path)
    for name in ENTRY_SCRIPTS:
        path = folder / name
        path.write_bytes(entry_script(name))
        written.append(path)
    for path in written:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        logger.info("%s: %d bytes, sha256 %s", path.name, path.stat().st_size, digest)
    return written


def entry_script(name: str) -> bytes:
    """The source of a Glue job's entry script."""
    return (ROOT / "glue_jobs" / name).read_bytes()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)


def _library_files(modules: frozenset[Path]) -> Iterator[tuple[str, bytes]]:
    """Modules of the library that are imported, and what their packages have beside modules, such as SQL."""
    for path in _files(PACKAGE):
        inside = path.relative_to(PACKAGE)
        if inside.parts[0] == PARTS_FOLDER:
            continue
        package = next(folder for folder in path.parents if (folder / "__init__.py").is_file())
        if path in modules or (path.suffix != ".py" and package / "__init__.py" in modules):
            yield f"{PACKAGE.name}/{inside.as_posix()}", path.read_bytes()


def _distribution_files(name: str) -> Iterator[tuple[str, bytes]]:
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError as exc:
        raise PackageError(f"distribution {name!r} is not installed; run `make setup`") from exc
    shipped = [file for file in files if _ships(PurePosixPath(file))]
    if not any(file.suffix == ".py" for file in shipped):
        raise PackageError(f"distribution {name!r} holds no Python module that a zip can import")
    return ((str(file), file.read_binary()) for file in shipped)


def _ships(path: PurePosixPath) -> bool:
    if path.parts[0] == ".." or "__pycache__" in path.parts or path.suffix in _COMPILED:
        return False
    is_metadata = path.parts[0].endswith(".dist-info")
    return not is_metadata or path.name == "METADATA" or "licen" in str(path).lower()


def _zip(files: Mapping[str, bytes]) -> bytes:
    body = BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in _sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _READABLE_BY_ALL
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return body.getvalue()


def _sorted(files: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return sorted(files, key=lambda item: item[0])


def main(folder: str = "dist") -> None:
    """Build from the checkout's contracts."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    write_packages(Path(folder), read_contracts(ROOT / "contracts"))


if __name__ == "__main__":
    main(*sys.argv[1:])

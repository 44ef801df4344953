"""Files and folders that people name."""

from collections.abc import Iterable
from pathlib import Path

from sluice.errors import CommandError
from sluice.lake.layout import MANIFEST_NAME


def data_files(paths: Iterable[Path]) -> list[Path]:
    """The files that are named, and those of folders that are named which hold data: no manifest, nothing hidden.

    Raises:
        CommandError: There is no such file, or a folder holds none.
    """
    return [file for path in paths for file in _data_files(path)]


def _data_files(path: Path) -> list[Path]:
    if not path.exists():
        raise CommandError(f"{path}: No such file or directory")
    if not path.is_dir():
        return [path]
    inside = (file.relative_to(path) for file in path.rglob("*") if file.is_file() and file.name != MANIFEST_NAME)
    found = sorted(path / file for file in inside if not any(part.startswith((".", "_")) for part in file.parts))
    if not found:
        raise CommandError(f"{path}: holds no files")
    return found

"""Installs the libraries of AWS's runtimes beside those of this environment: ``python -m localcloud.runtimes``."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from localcloud.runtimes import LOCKS

_OPTIONS = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "--only-binary", ":all:")


def commands(environment: Path) -> Iterator[list[str]]:
    """The calls of pip, one for each lock file.

    Args:
        environment: The virtual environment.
    """
    for lock in sorted(LOCKS.glob("*.lock")):
        target = environment / "runtimes" / lock.stem
        yield [sys.executable, "-m", "pip", "install", *_OPTIONS, "--upgrade", "--target", str(target), "-r", str(lock)]


def main() -> None:
    """Install all of them.

    Raises:
        CalledProcessError: pip refused one.
    """
    for command in commands(Path(sys.prefix)):
        subprocess.run(command, check=True)  # noqa: S603 - pip of this environment


if __name__ == "__main__":
    main()

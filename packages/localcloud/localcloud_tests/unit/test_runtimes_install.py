"""Installing the libraries of AWS's runtimes into an environment that pip alone made."""

import sys
from pathlib import Path

from localcloud.runtimes import LOCKS, documented, installed
from localcloud.runtimes.__main__ import commands


def test_every_lock_file_is_installed_where_runs_look_for_it(tmp_path: Path) -> None:
    made = list(commands(tmp_path))
    assert [command[:4] for command in made] == [[sys.executable, "-m", "pip", "install"]] * len(made)
    targets = {Path(command[command.index("--target") + 1]): Path(command[-1]) for command in made}
    assert set(targets.values()) == set(LOCKS.glob("*.lock"))
    for target, lock in targets.items():
        assert lock.stem in documented()
        target.mkdir(parents=True)
        assert installed(lock.stem, tmp_path) == target
    assert all({"--require-hashes", "--no-deps"} <= set(command) for command in made)

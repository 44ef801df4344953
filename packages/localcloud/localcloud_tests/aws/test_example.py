"""The example of the package's README, as a stranger runs it: from an empty folder, without Sluice on any path."""

import os
import re
import subprocess
import sys
from pathlib import Path

import localcloud

PACKAGE = Path(localcloud.__file__).parents[1]


def test_the_readme_s_example_prints_what_it_says(tmp_path: Path) -> None:
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    [program, _] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [printed] = re.findall(r"It prints `(.*?)`", text)
    hidden = "import sys; sys.modules['sluice'] = None\n"  # whoever imports it gets an ImportError
    (tmp_path / "example.py").write_text(hidden + program, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{printed}\n", "")

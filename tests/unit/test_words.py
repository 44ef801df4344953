"""Plain technical English: words that were replaced once do not come back, in code, messages, docs and tests alike."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORDS = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\banew\b": "again",
    r"\bafresh\b": "again",
    r"\bin (its|their) stead\b": "instead",
    r"(?<![Tt]here )\bis no (text|JSON|XML|CSV|Parquet|well-formed|valid|number|object|date|batch)\b": "is not",
}


def test_words_that_were_replaced_stay_away() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if name and not name.endswith(".lock") and "fixtures/" not in name]
    found = []
    for path in (ROOT / name for name in names):
        if not path.is_file() or path == Path(__file__):
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        for word, plain in WORDS.items():
            for match in re.finditer(word, text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{path.relative_to(ROOT)}:{line}: '{match[0]}': write '{plain}'")
    assert found == []

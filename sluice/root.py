"""Where the parts lie that are beside `sluice` in a checkout: jobs, functions, the laptop's AWS, Terraform, contracts.

A wheel has them inside of `sluice`, in ``_parts``, so that it puts no other name among an environment's packages.
"""

import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parent
_PARTS: Final = PACKAGE / "_parts"
PARTS_FOLDER: Final = _PARTS.name
ROOT: Final = _PARTS if _PARTS.is_dir() else PACKAGE.parent


def make_importable() -> None:
    """Let this process import the parts, before whatever else has their names.

    Side Effects:
        Changes ``sys.path`` in an installed copy; a checkout needs nothing.
    """
    if _PARTS.is_dir() and str(_PARTS) not in sys.path:
        sys.path.insert(0, str(_PARTS))

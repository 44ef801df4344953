"""What all layers share: each folder under tests/ is a layer, and the layer is the marker."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Examples may take as long as a busy machine makes them take; pytest's own timeout is the limit.
# In CI the examples are the same each time, so that a change is judged by what it changes alone.
settings.register_profile("sluice", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("sluice")

LAYERS = ("unit", "spark", "warehouse", "aws", "e2e", "terraform")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the name of its layer.

    With several workers one runs all tests of a layer, so that what they share (a Spark session, a local cloud) is
    made once. Unit tests share nothing and go to whoever is free.
    """
    root = Path(__file__).parent
    for item in items:
        layer = item.path.relative_to(root).parts[0]
        if layer in LAYERS:
            item.add_marker(layer)
            if layer != "unit":
                item.add_marker(pytest.mark.xdist_group(layer))

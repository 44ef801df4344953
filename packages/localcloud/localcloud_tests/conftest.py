"""What all layers share. The folder of a test is its layer and its marker."""

import os

import pytest
from hypothesis import settings

from localcloud_tests.models import keep_models

settings.register_profile("localcloud", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("localcloud")
keep_models()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the name of its layer."""
    for item in items:
        layer = item.path.parent.name
        if layer in ("unit", "warehouse", "aws"):
            item.add_marker(layer)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: compressed ones carry the time, and all workers must collect the same names."""
    return argname if isinstance(val, bytes) else None

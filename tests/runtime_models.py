"""Clients that know only what a runtime's own botocore knows: a request that it would refuse is refused here."""

from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.loaders import Loader

MODELS = Path(__file__).parent / "fixtures"


def runtime_client(service: str, version: str, **options: Any) -> Any:
    """A client whose requests are checked by the service model of another version of botocore.

    The models are those of the wheels on PyPI, without documentation and without the operations that are not called.

    Args:
        service: Name of the service, such as ``redshift-data``.
        version: Version of botocore; there must be a folder of it beside the other fixtures.
        options: As ``boto3.client`` takes them.
    """
    folder = MODELS / f"botocore-{version}"
    if not (folder / service).is_dir():
        raise FileNotFoundError(f"{folder} has no model of {service}")
    session = botocore.session.get_session()
    session.register_component("data_loader", Loader(extra_search_paths=[str(folder)], include_default_extras=False))
    make: Any = boto3.Session(botocore_session=session).client
    return make(service, **options)

"""For tests: the service models of boto3 are read once in a process."""

import functools
from typing import Any

from botocore.loaders import JSONFileLoader


def keep_models() -> None:
    """Keep what botocore reads of its data, whichever session asked for it.

    Each session reads the models of its clients again, some of them megabytes of JSON, and tests make a great many
    sessions. A model is the same for all of them: what a session adds to it (its ``sdk-extras``) is the same, too.
    """
    read = functools.cache(JSONFileLoader().load_file)

    def load_file(_: JSONFileLoader, file_path: str) -> Any:
        return read(file_path)

    setattr(JSONFileLoader, "load_file", load_file)  # noqa: B010 - for mypy, no method may be another one

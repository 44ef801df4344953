"""Reading documents that may be missing or broken.

Such an outcome stands for a run that did nothing, and such a manifest for a batch that its run fails.
"""

import logging
from typing import TypeVar

import cattrs

from lambda_trigger.ports import DocumentsPort
from sluice.errors import MissingObjectError
from sluice.lake.handover import Document, FrozenManifest, LoadOutcome, RunOutcome

logger = logging.getLogger(__name__)
_Outcome = TypeVar("_Outcome", bound=Document)


def read_run_outcome(documents: DocumentsPort, url: str) -> RunOutcome | None:
    """Outcome of a conversion; None when it is missing or broken."""
    return _read(documents, url, RunOutcome)


def read_load_outcome(documents: DocumentsPort, url: str) -> LoadOutcome | None:
    """Outcome of a load; None when it is missing or broken."""
    return _read(documents, url, LoadOutcome)


def read_frozen_manifest(documents: DocumentsPort, url: str) -> FrozenManifest | None:
    """A manifest as it was validated; None when it is missing or broken."""
    return _read(documents, url, FrozenManifest)


def _read(documents: DocumentsPort, url: str, kind: type[_Outcome]) -> _Outcome | None:
    try:
        return kind.from_json(documents.read(url))
    except MissingObjectError:
        return None
    except (ValueError, cattrs.BaseValidationError):
        logger.exception("%s is not a %s", url, kind.__name__)
        return None

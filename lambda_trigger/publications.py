"""What a conversion that died left in the folders that readers see, cleaned up."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import cattrs

from lambda_trigger.ports import DocumentsPort, ObjectsPort
from sluice.errors import MissingObjectError
from sluice.handover import Publication, Replacement
from sluice.layout import ProcessedLayout
from sluice.logs import log_context
from sluice.parallel import each

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publications:
    """Settles replacements of published files that were begun and not finished.

    A conversion writes down which files it is about to put in place of which, moves the new ones in, registers the
    partitions, deletes the old ones, and strikes out what is settled. When it dies before it deletes, the old files are
    whole and the new ones go; when it has begun to delete, the new files are whole and the old ones go. So readers have
    the one or the other.

    Attributes:
        documents: What runs wrote down.
        objects: The processed bucket.
        processed: Its layout.
        workers: Threads that look at files.
    """

    documents: DocumentsPort
    objects: ObjectsPort
    processed: ProcessedLayout
    workers: int = 16

    def clean(self, claim_id: str) -> None:
        """Settle what a conversion that has ended left behind. Doing it again changes nothing.

        It must be done while nobody else converts batches of the dataset.

        Args:
            claim_id: The claim of the conversion.

        Raises:
            TransientError: AWS could not answer now.
        """
        # A step's old files may be the new ones of a step before it, so the last step is settled first.
        for step in reversed(self._steps(claim_id)):
            each(self._settle, step.items(), self.workers)

    def _steps(self, claim_id: str) -> tuple[dict[str, dict[str, Replacement]], ...]:
        url = self.processed.run_publication(claim_id)
        try:
            return Publication.from_json(self.documents.read(url)).steps
        except MissingObjectError:
            return ()
        except (ValueError, cattrs.BaseValidationError):
            # S3 writes an object whole or not at all, so no run of ours wrote this.
            logger.exception("%s is no %s", url, Publication.__name__)
            return ()

    def _settle(self, item: tuple[str, Mapping[str, Replacement]]) -> None:
        batch_id, tables = item
        has_begun = any(self.objects.info(url) is None for files in tables.values() for url in files.old)
        surplus = [url for files in tables.values() for url in (files.old if has_begun else files.new)]
        for url in surplus:
            self.objects.remove(url)
        kept, gone = ("new", "old") if has_begun else ("old", "new")
        with log_context(batch=batch_id):
            logger.warning(
                "batch %s: its run died; %s files stay, %d %s ones removed", batch_id, kept, len(surplus), gone
            )

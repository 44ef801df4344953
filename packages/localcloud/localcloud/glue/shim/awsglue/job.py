"""`awsglue.job`: begin and end of a job; bookmarks are not kept."""

from collections.abc import Mapping

from awsglue.context import GlueContext


class Job:
    """A job run as a script sees it."""

    def __init__(self, glue_context: GlueContext) -> None:
        """Belong to a context.

        Args:
            glue_context: the script's.
        """
        self._context = glue_context
        self._name: str | None = None

    def init(self, job_name: str, args: Mapping[str, str] | None = None) -> None:
        """Begin the run.

        Args:
            job_name: value of JOB_NAME.
            args: the resolved options.
        """
        self._name = job_name
        self._args = dict(args or {})

    def commit(self) -> None:
        """End the run; with bookmarks off there is nothing to write."""
        if self._name is None:
            raise RuntimeError("commit() before init()")

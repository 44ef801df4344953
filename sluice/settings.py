"""Settings: one field per environment variable, the same for Lambda, Glue, command line and local cloud."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from sluice.layout import ProcessedLayout

ENVIRONMENT_PREFIX = "SLUICE_"


@dataclass(frozen=True)
class Settings:
    """Names of everything that Sluice uses in an account; the variable of a field is ``SLUICE_`` and its name.

    Attributes:
        raw_bucket: Bucket that source systems write to.
        processed_bucket: Bucket of the published Parquet files.
        ledger_table: DynamoDB table of the ledger.
        raw_database: Catalog database of the raw tables.
        processed_database: Catalog database of the published tables.
        convert_job: Glue job of the conversion.
        load_job: Glue job of the load.
        manifest_queue: SQS queue of the manifest events.
        warehouse_workgroup: Redshift Serverless workgroup; empty for a provisioned cluster.
        warehouse_cluster: Identifier of a provisioned Redshift cluster; empty for Serverless.
        warehouse_database: Database in the warehouse.
        warehouse_schema: Schema of the target tables.
        copy_role: IAM role of COPY: ``default`` or an ARN.
        max_attempts: Runs that a batch gets in each stage before it is FAILED.
        max_batches_per_run: Most batches that one run takes.
        max_files_per_run: Most raw files that one run takes; a batch that has more runs alone.
    """

    raw_bucket: str = "sluice-raw"
    processed_bucket: str = "sluice-processed"
    ledger_table: str = "sluice-ledger"
    raw_database: str = "sluice_raw"
    processed_database: str = "sluice_processed"
    convert_job: str = "sluice-raw-to-parquet"
    load_job: str = "sluice-load-redshift"
    manifest_queue: str = "sluice-manifests"
    warehouse_workgroup: str = "sluice"
    warehouse_cluster: str = ""
    warehouse_database: str = "warehouse"
    warehouse_schema: str = "public"
    copy_role: str = "default"
    max_attempts: int = 3
    max_batches_per_run: int = 500
    max_files_per_run: int = 20_000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the variables that are set; the others keep their defaults.

        Raises:
            ValueError: A number is no number, or is not positive; the message names the variable.
        """
        source = os.environ if environment is None else environment
        values: dict[str, str | int] = {}
        for item in fields(cls):
            text = source.get(ENVIRONMENT_PREFIX + item.name.upper())
            if text is not None:
                values[item.name] = _number(item.name, text) if item.type is int else text
        return cls(**values)  # type: ignore[arg-type]

    def to_environment(self) -> dict[str, str]:
        """The variables that give these settings."""
        return {ENVIRONMENT_PREFIX + item.name.upper(): str(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; a Glue job gets its settings so, because it has no environment of its own."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """The settings as one JSON object. Nothing in it is secret."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def processed(self) -> ProcessedLayout:
        """Where things lie in the processed bucket."""
        return ProcessedLayout(self.processed_bucket)


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"\s*0*[1-9][0-9]*\s*", text):
        raise ValueError(f"{ENVIRONMENT_PREFIX}{name.upper()}: {text!r} is not a whole number of at least 1")
    return int(text)

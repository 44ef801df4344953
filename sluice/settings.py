"""Settings: one field per environment variable, the same for Lambda, Glue, command line and local cloud."""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from sluice.lake.layout import ProcessedLayout

ENVIRONMENT_PREFIX = "SLUICE_"


@dataclass(frozen=True)
class Settings:
    """Names of everything that Sluice uses in an account; the variable of a field is ``SLUICE_`` and its name.

    Attributes:
        name: The deployment's own name: what functions, rules, schedules and crawlers are called begins with it.
        raw_bucket: Bucket that source systems write to.
        processed_bucket: Bucket of the published Parquet files.
        ledger_table: DynamoDB table of the ledger.
        raw_database: Catalog database of the raw tables.
        processed_database: Catalog database of the published tables.
        convert_job: Glue job of the conversion.
        load_job: Glue job of the load.
        load_machine: Step Functions state machine of everything after the conversion.
        manifest_queue: SQS queue of the manifest events.
        business_topic: SNS topic for those who use the data.
        support_topic: SNS topic for those who keep Sluice running.
        warehouse_workgroup: Redshift Serverless workgroup; empty for a provisioned cluster.
        warehouse_cluster: Identifier of a provisioned Redshift cluster; empty for Serverless.
        warehouse_database: Database in the warehouse.
        warehouse_schema: Schema of the target tables.
        warehouse_secret: Secret of the warehouse's administrator, by name or ARN: the bootstrap's, and that of people
            who are to come in as him. Empty for everybody else: they come in by IAM, as the user of their role.
        spectrum_schema: External schema over the processed database.
        aggregate_schema: Schema of the aggregate tables and their procedures.
        copy_role: IAM role of COPY: ``default`` or an ARN.
        max_attempts: Runs that a batch gets in each stage before it is FAILED.
        retry_delay_seconds: Pause after the first run that failed for a batch; it doubles with each further one. 0 for
            none.
        give_up_after_seconds: How long a batch waits for something that its runs need and that is away, until it is
            FAILED; its attempts do not count meanwhile.
        max_batches_per_run: Most batches that one run takes.
        max_files_per_run: Most raw files that one run takes; a batch that has more runs alone.
        file_wait_seconds: How long a manifest waits for files that are not there, or to be readable itself, until it
            is REJECTED. 0 for not at all.
        max_ahead_seconds: How far ahead of now a partition may begin; one that begins later is REJECTED.
        reconcile_seconds: How often the raw bucket is searched for manifests of which no event came.
        spark_from_bytes: From this sum of its raw files' bytes on Spark distributes a conversion run; a smaller one is
            converted in the job's own process. Bytes of plain CSV, or what is as much work in another form.
        replaced_grace_seconds: How long the files of a replaced partition stay, for queries that have begun and for
            people who look back. It must be longer than a conversion run may take.
        runs_retention_days: How long the ledger keeps what it knows of runs and raw files after a batch is through; its
            batches stay.
        announce_arrivals: Whether the business topic hears of every manifest that arrives.
    """

    name: str = "sluice"
    raw_bucket: str = "sluice-raw"
    processed_bucket: str = "sluice-processed"
    ledger_table: str = "sluice-ledger"
    raw_database: str = "sluice_raw"
    processed_database: str = "sluice_processed"
    convert_job: str = "sluice-raw-to-parquet"
    load_job: str = "sluice-load-redshift"
    load_machine: str = "sluice-load"
    manifest_queue: str = "sluice-manifests"
    business_topic: str = "sluice-business"
    support_topic: str = "sluice-support"
    warehouse_workgroup: str = "sluice"
    warehouse_cluster: str = ""
    warehouse_database: str = "warehouse"
    warehouse_schema: str = "public"
    warehouse_secret: str = ""
    spectrum_schema: str = "spectrum"
    aggregate_schema: str = "aggregates"
    copy_role: str = "default"
    max_attempts: int = 3
    retry_delay_seconds: float = 60.0
    give_up_after_seconds: float = 86400.0
    max_batches_per_run: int = 500
    max_files_per_run: int = 20_000
    file_wait_seconds: float = 900.0
    max_ahead_seconds: float = 86400.0
    reconcile_seconds: float = 3600.0
    spark_from_bytes: int = 512 << 20
    replaced_grace_seconds: float = 86_400.0
    runs_retention_days: int = 365
    announce_arrivals: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the variables that are set; the others keep their defaults.

        Raises:
            ValueError: A number is not a number, or is not positive (a time: is negative), or a switch is neither true
                nor false; the message names the variable.
        """
        source = os.environ if environment is None else environment
        values: dict[str, str | float | bool] = {}
        for item in fields(cls):
            text = source.get(ENVIRONMENT_PREFIX + item.name.upper())
            if text is not None:
                values[item.name] = _PARSERS[item.type](item.name, text)  # type: ignore[index]
        return cls(**values)  # type: ignore[arg-type]

    def to_environment(self) -> dict[str, str]:
        """The variables that give these settings."""
        return {ENVIRONMENT_PREFIX + item.name.upper(): str(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; a Glue job gets its settings so, because it has no environment of its own.

        Names that this version does not know are left out: Lambda and Glue are not deployed at the same moment.
        """
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})

    def to_json(self) -> str:
        """The settings as one JSON object. Nothing in it is secret."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def prefix(self) -> str:
        """What the names in `sluice.names` stand behind."""
        return f"{self.name}-"

    @property
    def processed(self) -> ProcessedLayout:
        """Where things lie in the processed bucket."""
        return ProcessedLayout(self.processed_bucket)


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"\s*0*[1-9][0-9]*\s*", text):
        raise ValueError(f"{ENVIRONMENT_PREFIX}{name.upper()}: {text!r} is not a whole number of at least 1")
    return int(text)


def _seconds(name: str, text: str) -> float:
    # What float() also reads, such as nan and 1_0, is not a valid time.
    if not re.fullmatch(r"\s*[0-9]+(\.[0-9]*)?(e[+-]?[0-9]{1,3})?\s*", text, re.ASCII):
        raise ValueError(f"{ENVIRONMENT_PREFIX}{name.upper()}: {text!r} is not a number of seconds of at least 0")
    return float(text)


def _switch(name: str, text: str) -> bool:
    if text.strip().lower() not in {"true", "false"}:
        raise ValueError(f"{ENVIRONMENT_PREFIX}{name.upper()}: {text!r} is neither true nor false")
    return text.strip().lower() == "true"


_PARSERS: dict[type, Callable[[str, str], str | float | bool]] = {
    str: lambda _, text: text,
    int: _number,
    float: _seconds,
    bool: _switch,
}

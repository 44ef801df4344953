"""Spark's settings of a local run: `s3://` from folders, and the defaults of Glue 6.0 that change results."""

import logging
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from localcloud.config import HOST, GlueSettings

logger = logging.getLogger(__name__)

SCHEMES = ("s3", "s3a", "s3n")
# Settings without which a local run does not work; a job's --conf for S3 in AWS must not undo them.
OURS = (
    "spark.master",
    "spark.driver.host",
    "spark.driver.bindAddress",
    "spark.local.dir",
    "spark.hadoop.fs.viewfs.",
    *(f"spark.hadoop.fs.{scheme}.impl" for scheme in SCHEMES),
)
# Most of a short run is the compiling of Spark itself. The best compiler starts ten times later than by default: that
# halves the run, and the hot loops of a long one still get it.
JVM_OPTIONS = (
    "-Duser.timezone=UTC",
    "-Dfile.encoding=UTF-8",
    # Else every run, and one that is killed for good, leaves files in the machine's own folder for temporary files.
    "-XX:-UsePerfData",
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)
LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1}: %m%n%ex
"""


def s3_mounts(bucket_folders: Mapping[str, Path]) -> dict[str, str]:
    """Settings that make Hadoop serve `s3://bucket/key` from `folder/key`, by its own mount table.

    Source: https://hadoop.apache.org/docs/r3.4.1/hadoop-project-dist/hadoop-hdfs/ViewFsOverloadScheme.html
    """
    settings = {}
    for scheme in SCHEMES:
        settings[f"spark.hadoop.fs.{scheme}.impl"] = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
        target = f"spark.hadoop.fs.viewfs.overload.scheme.target.{scheme}.impl"
        settings[target] = "org.apache.hadoop.fs.LocalFileSystem"
    for bucket, folder in bucket_folders.items():
        settings[f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback"] = folder.as_uri()
    return settings


def base_settings(glue: GlueSettings, app_name: str, run_folder: Path) -> dict[str, str]:
    """Settings of every local run.

    Glue 6.0 has ANSI mode on and works in UTC. The UI and large shuffles are left out: the data are a laptop's.

    Source: https://docs.aws.amazon.com/glue/latest/dg/migrating-version-60.html
    """
    return {
        "spark.app.name": app_name,
        "spark.master": f"local[{glue.cores}]",
        "spark.driver.memory": glue.driver_memory,
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.driver.extraJavaOptions": " ".join((*JVM_OPTIONS, f'-Djava.io.tmpdir="{run_folder / "tmp"}"')),
        "spark.local.dir": str(run_folder / "tmp"),
        "spark.sql.warehouse.dir": (run_folder / "tmp" / "warehouse").as_uri(),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.shuffle.partitions": str(glue.cores),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def with_job_settings(base: Mapping[str, str], job: Mapping[str, str]) -> dict[str, str]:
    """A job's own --conf settings over the base ones, except those that only make sense in AWS."""
    refused = [name for name in job if name.startswith(OURS)]
    for name in refused:
        logger.warning("--conf %s is left out: the local cloud sets it", name)
    return {**base, **{name: value for name, value in job.items() if name not in refused}}


def write_conf_folder(folder: Path, settings: Mapping[str, str]) -> None:
    """Write a SPARK_CONF_DIR."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spark-defaults.conf").write_text("".join(_lines(settings.items())), encoding="utf-8")
    (folder / "log4j2.properties").write_text(LOG4J, encoding="utf-8")


def write_waiting(folder: Path, wanted: Path, ready: Path) -> None:
    """Make every start of Spark's JVM say that it needs S3, and wait until that is there.

    All of Spark's scripts read ``spark-env.sh`` of the folder before they start Java, whatever started them.

    Args:
        folder: The SPARK_CONF_DIR.
        wanted: File that says so.
        ready: File that is waited for.
    """
    text = f"touch {shlex.quote(str(wanted))}\nwhile [ ! -e {shlex.quote(str(ready))} ]; do sleep 0.05; done\n"
    (folder / "spark-env.sh").write_text(text, encoding="utf-8")


def _lines(settings: Iterable[tuple[str, str]]) -> Iterable[str]:
    for name, value in settings:
        # The file is read as Java properties: a backslash begins an escape.
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"{name}={escaped}\n"

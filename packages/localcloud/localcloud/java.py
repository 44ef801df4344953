"""Java, without which no Glue run starts: asked for before anything is started, not by the first run that fails."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping

from localcloud.errors import LocalCloudError

OLDEST = 17


def require_java(environ: Mapping[str, str] = os.environ) -> None:
    """Return when Spark will find a Java that is new enough.

    Args:
        environ: Its JAVA_HOME goes before its PATH, as with Spark.

    Raises:
        LocalCloudError: There is none, or one that is too old; the message says which and what to do.
    """
    home = environ.get("JAVA_HOME")
    wanted = f"{home}/bin/java" if home else "java"
    found = shutil.which(wanted, path=environ.get("PATH", os.defpath))
    if found is None:
        raise LocalCloudError(_message(f"no '{wanted}' was found"))
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - the user's Java
    version = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if version is None or int(version[1]) < OLDEST:
        raise LocalCloudError(_message(f"'{found}' is version {version[1] if version else 'unknown'}"))


def _message(what: str) -> str:
    return (
        f"Spark needs Java {OLDEST} or newer, and {what}.\n"
        f"Install one (such as Debian's openjdk-{OLDEST}-jre-headless), or point JAVA_HOME at the one that you have."
    )

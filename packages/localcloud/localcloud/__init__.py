"""AWS on this machine: MiniStack with real Glue runs and crawls, Redshift, Athena, IAM, and state that is kept.

A process holds one local cloud; `LocalCloud` runs it as a child process, `python -m localcloud` until stopped.
"""

from localcloud.child import LocalCloudProcess as LocalCloud
from localcloud.config import GlueSettings, LocalCloudConfig

__version__ = "0.1.0"
__all__ = ["GlueSettings", "LocalCloud", "LocalCloudConfig"]

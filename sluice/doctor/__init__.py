"""The doctor: compares what is deployed with settings and contracts, and says how to fix what differs.

One module per area; a check is a function from a `Deployment` to its findings. Nothing here changes anything.
"""

from sluice.doctor.checks import examine
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import Finding, Severity

__all__ = ["Deployment", "Finding", "Severity", "examine"]

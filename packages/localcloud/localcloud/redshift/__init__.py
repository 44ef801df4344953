"""Amazon Redshift on this machine: the Redshift Data API over an embedded PostgreSQL.

``Warehouse`` is all that others use; its module says what is like Redshift and what is not.
"""

from localcloud.redshift.errors import WarehouseRunningError, WarehouseStartError
from localcloud.redshift.warehouse import Warehouse

__all__ = ["Warehouse", "WarehouseRunningError", "WarehouseStartError"]

"""External schemas: tables of the Data Catalog over Parquet files in S3, read as Redshift Spectrum reads them.

Before a statement runs, the external tables that it names are brought up to what catalog and bucket hold now, as far as
the statement reads them; the rows lie in PostgreSQL, so that joins, procedures and CREATE TABLE AS need nothing of
their own.
"""

from localcloud.redshift.spectrum.schemas import Spectrum
from localcloud.redshift.spectrum.statements import Visit

__all__ = ["Spectrum", "Visit"]

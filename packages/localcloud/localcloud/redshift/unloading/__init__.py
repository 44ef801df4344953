"""UNLOAD: the rows of a query as files in S3."""

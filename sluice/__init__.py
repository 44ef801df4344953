"""Sluice: batches of raw files from S3 into Amazon Redshift through AWS Glue."""

__version__ = "0.1.0"

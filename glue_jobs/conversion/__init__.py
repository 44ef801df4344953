"""What the Glue job `raw_to_parquet` is made of, in plain PySpark.

`parse` reads raw text (pure Python, run by Spark's workers), `rows` turns records into typed rows and reasons,
`staging` writes and counts them, `publish` makes them visible, and `run` ties it together.
"""

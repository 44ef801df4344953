"""AWS Glue on the laptop: runs as processes on stock PySpark, and the catalog's partition filter."""

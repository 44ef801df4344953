"""The names of AWS Glue's Python library that our scripts use, for stock PySpark.

AWS's own library needs Glue's Java library, which is not open. On Glue the real one is found instead of this.
"""

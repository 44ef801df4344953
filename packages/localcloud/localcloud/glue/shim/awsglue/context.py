"""`awsglue.context`: a Spark session with Glue's name for it."""

from typing import Any

from pyspark import SparkContext
from pyspark.sql import SparkSession


class GlueContext:
    """What scripts take from Glue's context: the session and the logger."""

    def __init__(self, sparkContext: SparkContext) -> None:  # noqa: N803 - Glue's name
        """Wrap a Spark context.

        Args:
            sparkContext: the running one.
        """
        self._context = sparkContext
        self.spark_session = SparkSession.builder.getOrCreate()

    def get_logger(self) -> Any:  # noqa: ANN401 - a Java object
        """Spark's logger, which writes to the run's error stream."""
        return self._context._jvm.org.apache.log4j.LogManager.getLogger("glue")

"""One local cloud for all tests of this layer, as the local cloud's own tests make it."""

from localcloud_tests.aws.conftest import aws, bucket, cloud, jobs, machines, scheduled

__all__ = ["aws", "bucket", "cloud", "jobs", "machines", "scheduled"]

# The account that the tests plan in: what AWS answers about it, and the identifiers that it gives.
mock_data "aws_caller_identity" {
  defaults = {
    account_id = "111122223333"
  }
}

mock_data "aws_partition" {
  defaults = {
    partition  = "aws"
    dns_suffix = "amazonaws.com"
  }
}

mock_data "aws_region" {
  defaults = {
    name = "eu-central-1"
  }
}

mock_data "aws_availability_zones" {
  defaults = {
    names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  }
}

mock_data "aws_subnet" {
  defaults = {
    availability_zone = "eu-central-1a"
  }
}

# Known in the plan already, so that the policies that name them can be looked at.
mock_resource "aws_kms_key" {
  override_during = plan
  defaults = {
    arn    = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000001"
    key_id = "00000000-0000-0000-0000-000000000001"
  }
}

mock_resource "aws_redshiftserverless_namespace" {
  override_during = plan
  defaults = {
    arn                       = "arn:aws:redshift-serverless:eu-central-1:111122223333:namespace/00000000-0000-0000-0000-000000000002"
    admin_password_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:redshift!sluice-sluice_admin-aaaaaa"
  }
}

mock_resource "aws_redshiftserverless_workgroup" {
  override_during = plan
  defaults = {
    arn = "arn:aws:redshift-serverless:eu-central-1:111122223333:workgroup/00000000-0000-0000-0000-000000000003"
    endpoint = [{
      address      = "sluice.111122223333.eu-central-1.redshift-serverless.amazonaws.com"
      port         = 5439
      vpc_endpoint = []
    }]
  }
}

mock_resource "aws_redshift_cluster" {
  override_during = plan
  defaults = {
    arn                        = "arn:aws:redshift:eu-central-1:111122223333:cluster:sluice"
    master_password_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:redshift!sluice-sluice_admin-bbbbbb"
    dns_name                   = "sluice.xxxxxxxx.eu-central-1.redshift.amazonaws.com"
  }
}

# The same module against the local cloud: no account, no cost. `sluice up` is not needed, only its cloud:
# `python -m localcloud`. The local cloud has no control plane of Redshift, so its warehouse counts as one that exists.
provider "aws" {
  region     = var.region
  access_key = "local"
  secret_key = "local"

  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true

  endpoints {
    athena         = var.endpoint
    cloudwatch     = var.endpoint
    cloudwatchlogs = var.endpoint
    dynamodb       = var.endpoint
    events         = var.endpoint
    glue           = var.endpoint
    iam            = var.endpoint
    kms            = var.endpoint
    lambda         = var.endpoint
    s3             = var.endpoint
    secretsmanager = var.endpoint
    sfn            = var.endpoint
    sns            = var.endpoint
    sqs            = var.endpoint
    sts            = var.endpoint
  }
}

module "sluice" {
  source = "../.."

  name        = var.name
  environment = "local"
  owner       = "nobody"
  redshift    = "existing"

  existing_warehouse = {
    workgroup  = "sluice"
    arn        = "arn:aws:redshift-serverless:${var.region}:000000000000:workgroup/${uuidv5("dns", "sluice")}"
    secret_arn = aws_secretsmanager_secret.warehouse.arn
  }

  # The simulator's and the demo's dates are fixed, whatever the clock says: a hundred years, as for `sluice up`.
  max_ahead_seconds = 100 * 365 * 86400

  deletion_protection = var.deletion_protection
}

resource "aws_secretsmanager_secret" "warehouse" {
  # checkov:skip=CKV_AWS_149: a secret of a laptop
  # checkov:skip=CKV2_AWS_57: a secret of a laptop
  name                    = "sluice/warehouse"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "warehouse" {
  secret_id     = aws_secretsmanager_secret.warehouse.id
  secret_string = var.warehouse_credentials
}

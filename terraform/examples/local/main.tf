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
    copy_role  = "arn:aws:iam::000000000000:role/${local.warehouse_role}"
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

  # The module needs the secret, so the role goes after everything of the module, too.
  depends_on = [aws_iam_role_policy.warehouse]
}

resource "aws_secretsmanager_secret_version" "warehouse" {
  secret_id     = aws_secretsmanager_secret.warehouse.id
  secret_string = var.warehouse_credentials
}

# The role of COPY and Spectrum, which a warehouse that exists brings along. It is there before the deployment and after
# it, so its policy cannot be the output `warehouse_reads`: it names by pattern what that names by ARN.
locals {
  warehouse_role = "${var.name}-warehouse"
  processed      = "arn:aws:s3:::${var.name}-processed-000000000000-${var.region}"
  catalog        = "arn:aws:glue:${var.region}:000000000000"
  database       = "${replace(var.name, "-", "_")}_processed"
}

resource "aws_iam_role" "warehouse" {
  name = local.warehouse_role
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"] }
        Condition = { StringEquals = { "aws:SourceAccount" = "000000000000" } }
      },
    ]
  })
}

resource "aws_iam_role_policy" "warehouse" {
  name = local.warehouse_role
  role = aws_iam_role.warehouse.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Read", Effect = "Allow", Action = "s3:GetObject", Resource = "${local.processed}/*" },
      { Sid = "List", Effect = "Allow", Action = "s3:ListBucket", Resource = local.processed },
      {
        Sid       = "Decrypt"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = "arn:aws:kms:${var.region}:000000000000:key/*"
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      },
      {
        Sid    = "Catalog"
        Effect = "Allow"
        Action = ["glue:GetDatabase", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
        Resource = [
          "${local.catalog}:catalog",
          "${local.catalog}:database/${local.database}",
          "${local.catalog}:table/${local.database}/*",
        ]
      },
    ]
  })
}

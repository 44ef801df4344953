# Redshift Serverless: a namespace (the data) and a workgroup (the computing).
resource "aws_redshiftserverless_namespace" "this" {
  namespace_name                   = var.name
  db_name                          = var.database
  admin_username                   = var.admin_user
  manage_admin_password            = true
  admin_password_secret_kms_key_id = var.kms_key_arn
  kms_key_id                       = var.kms_key_arn
  iam_roles                        = [var.role_arn]
  default_iam_role_arn             = var.role_arn
  log_exports                      = local.log_exports
  tags                             = var.tags

  depends_on = [aws_cloudwatch_log_group.export]
}

resource "aws_redshiftserverless_workgroup" "this" {
  namespace_name       = aws_redshiftserverless_namespace.this.namespace_name
  workgroup_name       = var.name
  base_capacity        = var.base_capacity
  max_capacity         = var.max_capacity
  enhanced_vpc_routing = true
  publicly_accessible  = false
  port                 = var.port
  subnet_ids           = var.subnet_ids
  security_group_ids   = var.security_group_ids
  tags                 = var.tags
}

resource "aws_redshiftserverless_usage_limit" "this" {
  for_each = { for limit in var.usage_limits : "${limit.period}-${limit.breach_action}" => limit }

  resource_arn  = aws_redshiftserverless_workgroup.this.arn
  usage_type    = "serverless-compute"
  amount        = each.value.rpu_hours
  period        = each.value.period
  breach_action = each.value.breach_action
}

# Recovery points come by themselves every 30 minutes and live for 24 hours. What is to last longer is a snapshot, and
# Serverless has no schedule of its own for them.
# Source: https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-snapshots-recovery-points.html
resource "aws_scheduler_schedule" "snapshot" {
  count = var.snapshots.enabled ? 1 : 0

  name                         = "${var.name}-snapshot"
  description                  = "Snapshot of the warehouse"
  schedule_expression          = var.snapshots.schedule
  schedule_expression_timezone = "UTC"
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 30
  }

  target {
    arn      = "arn:${var.partition}:scheduler:::aws-sdk:redshiftserverless:createSnapshot"
    role_arn = module.snapshot_role[0].arn
    # Not jsonencode: it would write the brackets of the scheduler's own placeholder as escapes.
    input = join("", [
      "{\"NamespaceName\": \"${var.name}\", ",
      "\"SnapshotName\": \"${var.name}-<aws.scheduler.execution-id>\", ",
      "\"RetentionPeriod\": ${var.snapshots.retention_days}}",
    ])
  }
}

module "snapshot_role" {
  source = "../role"
  count  = var.snapshots.enabled ? 1 : 0

  name                 = "${var.name}-snapshot"
  description          = "Schedule of snapshots of warehouse ${var.name}"
  services             = ["scheduler.amazonaws.com"]
  source_account       = var.account_id
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
  statements = [
    {
      sid     = "Snapshot"
      actions = ["redshift-serverless:CreateSnapshot"]
      resources = [
        aws_redshiftserverless_namespace.this.arn,
        "arn:${var.partition}:redshift-serverless:${var.region}:${var.account_id}:snapshot/*",
      ]
    },
    {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [var.kms_key_arn]
    },
  ]
}

locals {
  log_exports = ["connectionlog", "useractivitylog", "userlog"]
}

# Redshift writes into groups that are there, and makes others that never expire and have no key of ours.
# https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-audit-logging.html
resource "aws_cloudwatch_log_group" "export" {
  for_each = toset(local.log_exports)

  name              = "/aws/redshift/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

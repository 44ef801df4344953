# A provisioned Redshift cluster of RA3 nodes.
locals {
  # Automatic WLM: Redshift gives memory and slots, the queues only say who goes first and who may use other clusters.
  # Source: https://docs.aws.amazon.com/redshift/latest/mgmt/workload-mgmt-config.html
  queues = concat(
    [
      for queue in var.queues : {
        name                  = queue.name
        query_group           = queue.query_groups
        query_group_wild_card = 0
        user_group            = queue.user_groups
        user_group_wild_card  = 0
        user_role             = queue.user_roles
        user_role_wild_card   = 0
        concurrency_scaling   = queue.concurrency_scaling ? "auto" : "off"
        priority              = queue.priority
        queue_type            = "auto"
        auto_wlm              = true
      }
    ],
    # Entries of a tuple may differ in shape; the switch of short query acceleration stands in the same list.
    [{ short_query_queue = var.short_query_acceleration }],
  )
}

resource "aws_redshift_subnet_group" "this" {
  name        = var.name
  description = "Private subnets of the warehouse"
  subnet_ids  = var.subnet_ids
  tags        = var.tags
}

resource "aws_redshift_parameter_group" "this" {
  name        = var.name
  description = "Warehouse ${var.name}"
  family      = "redshift-1.0"
  tags        = var.tags

  parameter {
    name  = "require_ssl"
    value = "true"
  }

  parameter {
    name  = "enable_user_activity_logging"
    value = "true"
  }

  parameter {
    name  = "max_concurrency_scaling_clusters"
    value = tostring(var.max_concurrency_scaling_clusters)
  }

  parameter {
    name  = "wlm_json_configuration"
    value = jsonencode(local.queues)
  }
}

# The last snapshot outlives the cluster, and a second cluster of the name has another one.
resource "terraform_data" "final_snapshot" {}

resource "aws_redshift_cluster" "this" {
  # checkov:skip=CKV_AWS_71: aws_redshift_logging below does it
  cluster_identifier                   = var.name
  cluster_type                         = var.nodes == 1 ? "single-node" : "multi-node"
  node_type                            = var.node_type
  number_of_nodes                      = var.nodes
  database_name                        = var.database
  master_username                      = var.admin_user
  manage_master_password               = true
  master_password_secret_kms_key_id    = var.kms_key_arn
  encrypted                            = true
  kms_key_id                           = var.kms_key_arn
  iam_roles                            = [var.role_arn]
  default_iam_role_arn                 = var.role_arn
  cluster_subnet_group_name            = aws_redshift_subnet_group.this.name
  cluster_parameter_group_name         = aws_redshift_parameter_group.this.name
  vpc_security_group_ids               = var.security_group_ids
  enhanced_vpc_routing                 = true
  publicly_accessible                  = false
  port                                 = var.port
  availability_zone_relocation_enabled = true
  allow_version_upgrade                = true
  preferred_maintenance_window         = var.maintenance_window
  automated_snapshot_retention_period  = var.snapshots.automated_retention_days
  manual_snapshot_retention_period     = var.snapshots.manual_retention_days
  skip_final_snapshot                  = var.skip_final_snapshot
  final_snapshot_identifier            = var.skip_final_snapshot ? null : "${var.name}-final-${terraform_data.final_snapshot.id}"
  tags                                 = var.tags
}

resource "aws_redshift_logging" "this" {
  cluster_identifier   = aws_redshift_cluster.this.id
  log_destination_type = "cloudwatch"
  log_exports          = local.log_exports

  depends_on = [aws_cloudwatch_log_group.export]
}

resource "aws_redshift_snapshot_schedule" "this" {
  identifier    = var.name
  description   = "Snapshots of warehouse ${var.name}"
  definitions   = [var.snapshots.schedule]
  force_destroy = true
  tags          = var.tags
}

resource "aws_redshift_snapshot_schedule_association" "this" {
  cluster_identifier  = aws_redshift_cluster.this.id
  schedule_identifier = aws_redshift_snapshot_schedule.this.id
}

resource "aws_redshift_usage_limit" "concurrency_scaling" {
  count = var.concurrency_scaling_minutes_per_day == null ? 0 : 1

  cluster_identifier = aws_redshift_cluster.this.id
  feature_type       = "concurrency-scaling"
  limit_type         = "time"
  amount             = var.concurrency_scaling_minutes_per_day
  period             = "daily"
  breach_action      = "disable"
  tags               = var.tags
}

locals {
  log_exports = ["connectionlog", "useractivitylog", "userlog"]
}

# Redshift writes into groups that are there, and makes others that never expire and have no key of ours.
# https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html
resource "aws_cloudwatch_log_group" "export" {
  for_each = toset(local.log_exports)

  name              = "/aws/redshift/cluster/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

# The warehouse: one of two kinds, or one that exists.
locals {
  warehouse_arn = (
    var.redshift == "serverless" ? one(module.redshift_serverless[*].arn) :
    var.redshift == "provisioned" ? one(module.redshift_provisioned[*].arn) :
    try(var.existing_warehouse.arn, "")
  )
  warehouse_secret_arn = (
    var.redshift == "serverless" ? one(module.redshift_serverless[*].admin_secret_arn) :
    var.redshift == "provisioned" ? one(module.redshift_provisioned[*].admin_secret_arn) :
    try(var.existing_warehouse.secret_arn, "")
  )
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshift.html
  warehouse_database_arn = "${local.arn_prefix.redshift}:dbname:${local.cluster}/${var.warehouse_database}"
  warehouse_endpoint = (
    var.redshift == "serverless" ? one(module.redshift_serverless[*].endpoint) :
    one(module.redshift_provisioned[*].endpoint)
  )
}

module "redshift_serverless" {
  source = "./modules/redshift_serverless"
  count  = var.redshift == "serverless" ? 1 : 0

  name                 = var.name
  database             = var.warehouse_database
  role_arn             = module.warehouse_role[0].arn
  subnet_ids           = local.subnet_ids
  security_group_ids   = local.security_group_ids
  kms_key_arn          = local.kms_key_arn
  partition            = local.partition
  region               = local.region
  account_id           = local.account
  base_capacity        = var.serverless.base_capacity
  max_capacity         = var.serverless.max_capacity
  usage_limits         = var.serverless.usage_limits
  snapshots            = var.serverless.snapshots
  log_retention_days   = var.retention_days.logs
  permissions_boundary = var.permissions_boundary
  tags                 = local.tags
}

module "redshift_provisioned" {
  source = "./modules/redshift_provisioned"
  count  = var.redshift == "provisioned" ? 1 : 0

  name                                = var.name
  database                            = var.warehouse_database
  role_arn                            = module.warehouse_role[0].arn
  subnet_ids                          = local.subnet_ids
  security_group_ids                  = local.security_group_ids
  kms_key_arn                         = local.kms_key_arn
  node_type                           = var.provisioned.node_type
  nodes                               = var.provisioned.nodes
  queues                              = var.provisioned.queues
  short_query_acceleration            = var.provisioned.short_query_acceleration
  max_concurrency_scaling_clusters    = var.provisioned.max_concurrency_scaling_clusters
  concurrency_scaling_minutes_per_day = var.provisioned.concurrency_scaling_minutes_per_day
  snapshots                           = var.provisioned.snapshots
  log_retention_days                  = var.retention_days.logs
  maintenance_window                  = var.provisioned.maintenance_window
  skip_final_snapshot                 = !var.provisioned.final_snapshot
  tags                                = local.tags
}

# Schemas, audit table, external schema, procedures and grants. It runs again whenever the code or a name changes, and
# running it again changes nothing that is right.
resource "aws_lambda_invocation" "bootstrap" {
  function_name = module.function["bootstrap"].name

  input = jsonencode({ readers = var.warehouse_readers })

  triggers = {
    package   = filesha256("${local.packages_folder}/${local.stack.lambda.package}")
    warehouse = local.warehouse_arn
    settings  = sha256(jsonencode(local.settings))
  }

  depends_on = [aws_glue_catalog_table.this, module.redshift_provisioned, module.redshift_serverless]
}

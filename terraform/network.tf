# The warehouse's place: private subnets of yours, or a VPC made here.
locals {
  is_network_made    = var.redshift != "existing" && var.network.subnet_ids == null
  subnet_ids         = local.is_network_made ? module.network[0].subnet_ids : var.network.subnet_ids
  zones              = local.is_network_made ? data.aws_availability_zones.available[0].names : []
  security_group_ids = local.is_network_made ? [module.network[0].security_group_id] : var.network.security_group_ids
}

data "aws_availability_zones" "available" {
  # checkov:skip=CKV_AWS_394: the first three by name are taken; a new zone comes behind them
  count = local.is_network_made ? 1 : 0

  state = "available"

  # Not local zones, which have no Redshift.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

module "network" {
  source = "./modules/network"
  count  = local.is_network_made ? 1 : 0

  name                 = var.name
  region               = local.region
  account_id           = local.account
  availability_zones   = slice(local.zones, 0, min(3, length(local.zones)))
  cidr_block           = var.network.cidr_block
  client_cidr_blocks   = var.network.client_cidr_blocks
  interface_endpoints  = var.network.interface_endpoints
  log_group_arn_prefix = local.log_group_arn_prefix
  log_retention_days   = var.retention_days.logs
  kms_key_arn          = local.kms_key_arn
  permissions_boundary = var.permissions_boundary
  tags                 = local.tags
}

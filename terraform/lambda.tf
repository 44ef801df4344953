# The functions: one package, one handler and one role each.
locals {
  function_descriptions = {
    on-manifest   = "Takes manifests in: validates, books and starts conversions"
    on-job-change = "Books the end of a conversion and starts what waits"
    sweep         = "Finishes what a crash, a lost event or a refused start left behind"
    load-step     = "Books the steps of the load machine"
    archive       = "Moves raw files of loaded batches to the archive"
    sync-schema   = "Compares contracts with what was crawled, and tells what differs"
    bootstrap     = "Makes the warehouse's schemas, tables, procedures and grants"
  }
  # The functions that events call without waiting for an answer.
  event_functions = toset(concat(
    values(local.stack.rules)[*].function,
    values(local.stack.schedules)[*].function,
  ))
}

module "function" {
  source   = "./modules/function"
  for_each = local.stack.functions

  name                 = local.function_names[each.key]
  arn                  = local.function_arns[each.key]
  description          = local.function_descriptions[each.key]
  package              = "${local.packages_folder}/${local.stack.lambda.package}"
  handler              = each.value.handler
  runtime              = local.stack.lambda.runtime
  architecture         = local.stack.lambda.architecture
  timeout_seconds      = each.value.timeout_seconds
  memory_mb            = each.value.memory_mb
  environment          = each.key == "bootstrap" ? local.environment_of_administrator : local.environment
  statements           = local.function_grants[each.key]
  failures             = contains(local.event_functions, each.key) ? module.event_failures.arn : null
  log_group_arn_prefix = local.log_group_arn_prefix
  log_retention_days   = var.retention_days.logs
  log_level            = var.log_level
  kms_key_arn          = local.kms_key_arn
  tracing              = var.tracing
  permissions_boundary = var.permissions_boundary
  tags                 = local.tags
}

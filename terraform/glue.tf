# The Glue jobs and their code.
locals {
  code = {
    library = "sluice-glue.zip"
    convert = local.stack.glue.jobs.convert.script
    load    = local.stack.glue.jobs.load.script
  }
  job_descriptions = {
    convert = "Raw files of a claim become published Parquet"
    load    = "What a conversion published goes into the warehouse"
  }
}

resource "aws_s3_object" "code" {
  for_each = local.code

  bucket = module.processed_bucket.name
  key    = "${local.stack.code_prefix}/${each.value}"
  source = "${local.packages_folder}/${each.value}"
  # Not etag: with a KMS key S3's ETag is not a MD5.
  source_hash = filemd5("${local.packages_folder}/${each.value}")
  kms_key_id  = local.kms_key_arn
  tags        = local.tags
}

module "job" {
  source   = "./modules/glue_job"
  for_each = local.stack.glue.jobs

  name                 = local.names[each.value.setting]
  description          = local.job_descriptions[each.key]
  script               = "s3://${module.processed_bucket.name}/${aws_s3_object.code[each.key].key}"
  library              = "s3://${module.processed_bucket.name}/${aws_s3_object.code["library"].key}"
  settings             = jsonencode(local.settings)
  glue_version         = local.stack.glue.version
  worker_type          = local.stack.glue.worker_type
  workers              = each.key == "convert" ? coalesce(var.convert_workers, each.value.workers) : each.value.workers
  timeout_minutes      = each.value.timeout_minutes
  max_concurrent_runs  = each.value.max_concurrent_runs
  max_retries          = local.stack.glue.max_retries
  queuing              = local.stack.glue.queuing
  statements           = local.job_grants[each.key]
  region               = local.region
  s3_arn_prefix        = "arn:${local.partition}:s3:::"
  log_group_arn_prefix = local.log_group_arn_prefix
  log_retention_days   = var.retention_days.logs
  kms_key_arn          = local.kms_key_arn
  permissions_boundary = var.permissions_boundary
  tags                 = local.tags
}

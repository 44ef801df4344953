# Buckets, and the event that starts everything.
module "logs_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.logs
  arn             = local.bucket_arns.logs
  noncurrent_days = 7
  expirations     = { "" = var.retention_days.access_logs }
  log_writers = [
    {
      sid     = "AccessLogs"
      service = "logging.s3.${local.dns_suffix}"
      sources = [local.bucket_arns.raw, local.bucket_arns.processed]
      account = local.account
    },
  ]
  force_destroy = !var.deletion_protection
  tags          = local.tags
}

module "raw_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.raw
  arn             = local.bucket_arns.raw
  kms_key_arn     = local.kms_key_arn
  noncurrent_days = var.retention_days.noncurrent
  transitions = {
    "archive/" = { days = var.retention_days.archive_to_cheaper, storage_class = "GLACIER_IR" }
  }
  writers = local.source_writers
  guards = [
    {
      # Versions are the only way back from a deletion, and nothing here deletes in the archive.
      sid        = "ArchiveStays"
      actions    = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      prefixes   = ["archive/"]
      principals = values(local.role_arns)
    },
  ]
  log_bucket    = module.logs_bucket.name
  force_destroy = !var.deletion_protection
  tags          = local.tags
}

locals {
  warehouse_guards = [
    for role in compact([local.warehouse_role_arn]) : {
      # Whoever may run a COPY would read other people's results and the code as rows.
      sid        = "OnlyFilesOfTablesAreLoaded"
      actions    = ["s3:GetObject"]
      prefixes   = [for folder in ["athena", "code", "drift", "manifests", "replaced", "runs"] : "_sluice/${folder}/"]
      principals = [role]
    }
  ]
}

module "processed_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.processed
  arn             = local.bucket_arns.processed
  kms_key_arn     = local.kms_key_arn
  noncurrent_days = var.retention_days.noncurrent
  expirations = {
    "_sluice/athena/" = var.retention_days.query_results
    "_sluice/loads/"  = var.retention_days.runs
    "_sluice/runs/"   = var.retention_days.runs
  }
  guards = concat(local.warehouse_guards, [
    {
      # Only who deploys may change the code that the jobs run.
      sid        = "CodeStays"
      actions    = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"]
      prefixes   = ["${local.stack.code_prefix}/"]
      principals = values(local.role_arns)
    },
    {
      # The conversion parses what others wrote. It must not write what the load believes.
      sid        = "DocumentsStay"
      actions    = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"]
      prefixes   = [for folder in ["athena", "drift", "loads", "manifests"] : "_sluice/${folder}/"]
      principals = [local.role_arns.convert]
    },
    {
      # They delete files of runs that died or were replaced.
      sid        = "OnlyReplacedFilesGo"
      actions    = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      prefixes   = [for folder in ["athena", "code", "drift", "loads", "manifests", "runs"] : "_sluice/${folder}/"]
      principals = [local.role_arns.on-job-change, local.role_arns.sweep]
    },
  ])
  log_bucket    = module.logs_bucket.name
  force_destroy = !var.deletion_protection
  tags          = local.tags
}

# S3 keeps one such configuration per bucket: a second resource of this kind would replace it.
resource "aws_s3_bucket_notification" "raw" {
  count = var.notifications == "own" ? 1 : 0

  bucket = module.raw_bucket.name

  queue {
    id            = "manifests"
    queue_arn     = module.manifest_queue.arn
    events        = ["s3:ObjectCreated:*"]
    filter_suffix = "manifest.json"
  }

  # From here on a manifest starts the path, so all of the path must be there.
  depends_on = [
    aws_lambda_event_source_mapping.manifests,
    aws_cloudwatch_event_target.rule,
    aws_glue_catalog_table.this,
    aws_sfn_state_machine.load,
    module.job,
  ]
}

resource "aws_s3_bucket_notification" "processed" {
  count = local.is_crawling.processed ? 1 : 0

  bucket = module.processed_bucket.name

  # A bucket has room for 100 configurations, and datasets may be more: one topic, which the crawlers' queues filter.
  topic {
    id        = "objects"
    topic_arn = module.object_topic[0].arn
    events    = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
  }
}

# One Glue job with a role and log groups of its own.
module "role" {
  source = "../role"

  name        = var.name
  description = "Glue job ${var.name}"
  services    = ["glue.amazonaws.com"]
  # Glue's job runs send no aws:SourceAccount.
  source_account       = null
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
  statements = concat(
    var.statements,
    [
      {
        # Glue fetches script and library as the job's role, before any line of them runs.
        # https://docs.aws.amazon.com/glue/latest/dg/create-an-iam-role.html
        sid       = "Code"
        actions   = ["s3:GetObject"]
        resources = [for url in [var.script, var.library] : "${var.s3_arn_prefix}${trimprefix(url, "s3://")}"]
      },
      {
        sid     = "Logs"
        actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        # The second is Glue's own, for what is said before the job's arguments are read.
        resources = [
          "${var.log_group_arn_prefix}${local.log_groups}/*",
          "${var.log_group_arn_prefix}/aws-glue/jobs/*",
        ]
      },
      {
        sid        = "Metrics"
        actions    = ["cloudwatch:PutMetricData"]
        resources  = ["*"]
        conditions = [{ test = "StringEquals", variable = "cloudwatch:namespace", values = ["Glue"] }]
        why        = "CloudWatch knows no resources for metrics; the namespace bounds it."
      },
    ],
  )
}

locals {
  # Output of the script, and what Spark says. Glue's own groups never expire and have no key of ours.
  # https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
  log_groups = "/sluice/glue/${var.name}"
  is_scaled  = var.workers > 2

  arguments = merge(
    {
      "--extra-py-files"               = var.library
      "--settings"                     = var.settings
      "--job-language"                 = "python"
      "--job-bookmark-option"          = "job-bookmark-disable"
      "--enable-metrics"               = "true"
      "--enable-observability-metrics" = "true"
      "--custom-logGroup-prefix"       = local.log_groups
      # S3A's own default is us-east-2: https://docs.aws.amazon.com/glue/latest/dg/migrating-version-60.html
      "--conf" = "spark.hadoop.fs.s3a.endpoint.region=${var.region}"
    },
    local.is_scaled ? { "--enable-auto-scaling" = "true" } : {},
  )
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["error", "output"])

  name              = "${local.log_groups}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_glue_job" "this" {
  # checkov:skip=CKV_AWS_195: buckets and log group encrypt with our key by themselves, and there are no bookmarks
  name                      = var.name
  description               = var.description
  role_arn                  = module.role.arn
  glue_version              = var.glue_version
  worker_type               = var.worker_type
  number_of_workers         = var.workers
  timeout                   = var.timeout_minutes
  max_retries               = var.max_retries
  job_run_queuing_enabled   = var.queuing
  default_arguments         = local.arguments
  non_overridable_arguments = {}
  tags                      = var.tags

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = var.script
  }

  execution_property {
    max_concurrent_runs = var.max_concurrent_runs
  }

  depends_on = [aws_cloudwatch_log_group.this]
}

# Names and ARNs. An ARN is built from its name where AWS allows it, so that policies, which must name each other's
# resources, wait for none of them and can be seen in a plan.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  tags = merge(var.tags, {
    Environment = var.environment
    Application = "sluice"
    Owner       = var.owner
  })

  # Sluice's settings: the fields of sluice/settings.py. The parts enter the warehouse by IAM; the bootstrap, and people
  # who may read it, with the administrator's secret, whose ARN is known only when the warehouse is there.
  settings = merge(local.names, { warehouse_secret = "" })
  names = {
    name                   = var.name
    raw_bucket             = coalesce(var.bucket_names.raw, "${var.name}-raw-${local.account}-${local.region}")
    processed_bucket       = coalesce(var.bucket_names.processed, "${var.name}-processed-${local.account}-${local.region}")
    ledger_table           = "${var.name}-ledger"
    raw_database           = "${replace(var.name, "-", "_")}_raw"
    processed_database     = "${replace(var.name, "-", "_")}_processed"
    convert_job            = "${var.name}-raw-to-parquet"
    load_job               = "${var.name}-load-redshift"
    load_machine           = "${var.name}-load"
    manifest_queue         = "${var.name}-manifests"
    business_topic         = "${var.name}-business"
    support_topic          = "${var.name}-support"
    warehouse_workgroup    = local.workgroup
    warehouse_cluster      = local.cluster
    warehouse_database     = var.warehouse_database
    warehouse_schema       = var.warehouse_schemas.tables
    spectrum_schema        = var.warehouse_schemas.spectrum
    aggregate_schema       = var.warehouse_schemas.aggregates
    copy_role              = var.redshift == "existing" ? try(var.existing_warehouse.copy_role, "default") : "default"
    max_attempts           = var.max_attempts
    max_batches_per_run    = var.max_batches_per_run
    max_files_per_run      = var.max_files_per_run
    retry_delay_seconds    = var.retry_delay_seconds
    give_up_after_seconds  = var.give_up_after_seconds
    runs_retention_days    = var.retention_days.runs
    spark_from_bytes       = var.spark_from_bytes
    replaced_grace_seconds = var.replaced_grace_seconds
    file_wait_seconds      = var.file_wait_seconds
    max_ahead_seconds      = var.max_ahead_seconds
    reconcile_seconds      = var.reconcile_seconds
    announce_arrivals      = var.announce_arrivals
  }
  environment                  = { for name, value in local.settings : "SLUICE_${upper(name)}" => tostring(value) }
  environment_of_administrator = merge(local.environment, { SLUICE_WAREHOUSE_SECRET = local.warehouse_secret_arn })

  workgroup = var.redshift == "serverless" ? var.name : try(var.existing_warehouse.workgroup, "")
  cluster   = var.redshift == "provisioned" ? var.name : try(var.existing_warehouse.cluster, "")

  # What the local deploy and Terraform share.
  stack = jsondecode(templatefile("${path.module}/stack.json", merge(local.names, { prefix = "${var.name}-" })))

  packages_folder  = coalesce(var.packages_folder, "${path.module}/../dist")
  contracts_folder = coalesce(var.contracts_folder, "${path.module}/../contracts")
  catalog          = jsondecode(file("${local.packages_folder}/catalog.json"))
  datasets         = local.catalog.datasets

  # By dataset: who may write into which folder of the raw bucket.
  source_writers = [
    for dataset in sort(keys(var.source_writers)) : {
      sid        = "Source${join("", [for word in split("_", dataset) : title(word)])}"
      principals = var.source_writers[dataset]
      prefix     = local.catalog.tables["raw/${dataset}"].path
    } if contains(local.datasets, dataset) && length(var.source_writers[dataset]) > 0
  ]

  buckets = {
    raw       = local.names.raw_bucket
    processed = local.names.processed_bucket
    logs      = coalesce(var.bucket_names.logs, "${var.name}-logs-${local.account}-${local.region}")
  }
  bucket_arns = { for zone, name in local.buckets : zone => "arn:${local.partition}:s3:::${name}" }
  databases = {
    raw       = local.names.raw_database
    processed = local.names.processed_database
  }

  arn_prefix = {
    for service in ["dynamodb", "events", "glue", "lambda", "logs", "redshift", "sns", "sqs", "states"] :
    service => "arn:${local.partition}:${service}:${local.region}:${local.account}"
  }
  console              = "https://console.aws.amazon.com"
  log_group_arn_prefix = "${local.arn_prefix.logs}:log-group:"
  ledger_arn           = "${local.arn_prefix.dynamodb}:table/${local.names.ledger_table}"
  machine_arn          = "${local.arn_prefix.states}:stateMachine:${local.names.load_machine}"
  execution_arn        = "${local.arn_prefix.states}:execution:${local.names.load_machine}:*"
  job_arns = {
    for key, job in local.stack.glue.jobs : key => "${local.arn_prefix.glue}:job/${local.names[job.setting]}"
  }
  function_names = { for key in keys(local.stack.functions) : key => "${var.name}-${key}" }
  function_arns  = { for key, name in local.function_names : key => "${local.arn_prefix.lambda}:function:${name}" }
  # Of everything that runs code of ours. Crawlers write no objects, and their names follow from the contracts.
  role_arns = {
    for key, name in merge(
      local.function_names,
      { for key, job in local.stack.glue.jobs : key => local.names[job.setting] },
      { machine = local.names.load_machine },
    ) : key => "arn:${local.partition}:iam::${local.account}:role/${name}"
  }
  # Of COPY and Spectrum; null for the default role of a warehouse that exists, whose name nobody knows.
  warehouse_role_arn = (
    var.redshift != "existing" ? "arn:${local.partition}:iam::${local.account}:role/${var.name}-warehouse" :
    startswith(local.names.copy_role, "arn:") ? local.names.copy_role : null
  )
  rule_names = { for key in concat(keys(local.stack.rules), keys(local.stack.schedules)) : key => "${var.name}-${key}" }
  rule_arns  = { for key, name in local.rule_names : key => "${local.arn_prefix.events}:rule/${name}" }
  queue_arns = {
    manifests = "${local.arn_prefix.sqs}:${local.names.manifest_queue}"
    events    = "${local.arn_prefix.sqs}:${var.name}-events"
  }
  topic_arns = {
    business = "${local.arn_prefix.sns}:${local.names.business_topic}"
    support  = "${local.arn_prefix.sns}:${local.names.support_topic}"
  }
}

# Packages and contracts must be of one moment: the functions carry the contracts that the catalog was made of.
resource "terraform_data" "packages" {
  input = local.catalog.contracts

  lifecycle {
    precondition {
      # https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
      condition     = var.redshift != "existing" || try(split(":", var.existing_warehouse.arn)[3] == local.region, false)
      error_message = "existing_warehouse.arn is of another region than this deployment (${local.region}): neither COPY of Parquet files nor Spectrum reads buckets of another region."
    }

    precondition {
      # Names of services, of endpoints and of the console differ elsewhere, and nobody has looked at them all.
      condition     = local.partition == "aws"
      error_message = "Sluice runs in AWS's own partition, and not in ${local.partition} (China, GovCloud)."
    }

    precondition {
      condition     = length(setsubtract(keys(var.source_writers), local.datasets)) == 0
      error_message = "No contract has these datasets of source_writers: ${join(", ", setsubtract(keys(var.source_writers), local.datasets))}."
    }

    precondition {
      condition = local.catalog.contracts == {
        for file in fileset(local.contracts_folder, "*.yaml") : file => filesha256("${local.contracts_folder}/${file}")
      }
      error_message = "The packages were built from other contracts than those in ${local.contracts_folder}: run `make package`."
    }
  }
}

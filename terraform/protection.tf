# Keeps what holds data: with `deletion_protection` on, nothing of this module is destroyed, whatever AWS would allow.
#
# Terraform's `prevent_destroy` takes no variable, and what AWS protects by itself (the ledger, a bucket with objects) is
# one of many things that a destroy takes down at the same time. So one resource depends on all others: it is destroyed
# before any of them, and refuses. A replacement is met twice: in the plan, where a name that is part of what holds data
# has changed, and else, when a protected resource is made again for another reason, before the old one goes.
# Sources: https://developer.hashicorp.com/terraform/language/resources/terraform-data,
# https://developer.hashicorp.com/terraform/language/resources/provisioners/syntax#destroy-time-provisioners
locals {
  # A change of one of these replaces a bucket, the ledger, the key or the warehouse.
  identity = {
    name               = var.name
    buckets            = local.buckets
    has_own_key        = var.kms_key_arn == null
    redshift           = var.redshift
    warehouse_database = var.redshift == "existing" ? null : var.warehouse_database
    # A cluster is encrypted with one key from its first day on; Serverless changes its key in place.
    cluster_key = var.redshift == "provisioned" ? var.kms_key_arn : null
  }
}

# The identity as it was when the protection was switched on; without protection it follows.
resource "terraform_data" "identity" {
  input            = local.identity
  triggers_replace = var.deletion_protection ? null : local.identity

  lifecycle {
    ignore_changes = [input]
  }
}

resource "terraform_data" "protection" {
  input = { on = var.deletion_protection, name = var.name }

  # Of all that holds data: what AWS gives it when it is made.
  triggers_replace = {
    buckets   = [module.logs_bucket.id, module.processed_bucket.id, module.raw_bucket.id]
    key       = aws_kms_key.this[*].arn
    ledger    = aws_dynamodb_table.ledger.arn
    warehouse = concat(flatten(module.redshift_serverless[*].data_ids), flatten(module.redshift_provisioned[*].data_ids))
  }

  lifecycle {
    precondition {
      condition = (
        !var.deletion_protection || jsonencode(terraform_data.identity.output) == jsonencode(local.identity)
      )
      error_message = <<-EOT
        deletion_protection is on, and this would replace what holds data.
        It is: ${jsonencode(terraform_data.identity.output)}
        It would be: ${jsonencode(local.identity)}
        Change it back; or apply deletion_protection = false first, by itself, which gives all data up.
      EOT
    }
  }

  provisioner "local-exec" {
    when    = destroy
    quiet   = true
    command = self.input.on ? "echo 'deletion_protection of ${self.input.name} is on: apply deletion_protection = false first, by itself' && exit 1" : "exit 0"
  }

  # Everything: a test compares the list with the configuration.
  depends_on = [
    aws_athena_named_query.analysis,
    aws_athena_named_query.newest,
    aws_athena_named_query.quarantine,
    aws_athena_workgroup.this,
    aws_cloudwatch_dashboard.this,
    aws_cloudwatch_event_rule.crawler_failed,
    aws_cloudwatch_event_rule.manifests,
    aws_cloudwatch_event_rule.rule,
    aws_cloudwatch_event_target.crawler_failed,
    aws_cloudwatch_event_target.manifests,
    aws_cloudwatch_event_target.rule,
    aws_cloudwatch_log_group.machine,
    aws_cloudwatch_metric_alarm.crawlers,
    aws_cloudwatch_metric_alarm.dataset,
    aws_cloudwatch_metric_alarm.dead_letters,
    aws_cloudwatch_metric_alarm.function_errors,
    aws_cloudwatch_metric_alarm.machine,
    aws_cloudwatch_metric_alarm.quarantine_share,
    aws_cloudwatch_metric_alarm.sweep_silent,
    aws_cloudwatch_query_definition.this,
    aws_dynamodb_table.ledger,
    aws_glue_catalog_database.this,
    aws_glue_catalog_table.this,
    aws_glue_partition_index.this,
    aws_kms_alias.this,
    aws_kms_key.this,
    aws_lambda_event_source_mapping.manifests,
    aws_lambda_invocation.bootstrap,
    aws_lambda_permission.rule,
    aws_s3_bucket_notification.processed,
    aws_s3_bucket_notification.raw,
    aws_s3_object.code,
    aws_sfn_state_machine.load,
    aws_sns_topic_subscription.crawler,
    aws_sns_topic_subscription.manifests,
    module.business_topic,
    module.crawler,
    module.crawler_queue,
    module.event_failures,
    module.function,
    module.job,
    module.logs_bucket,
    module.machine_role,
    module.manifest_queue,
    module.network,
    module.object_topic,
    module.processed_bucket,
    module.raw_bucket,
    module.redshift_provisioned,
    module.redshift_serverless,
    module.support_topic,
    module.warehouse_role,
    terraform_data.packages,
  ]
}

# Manifest events on their way to the function that takes them in.
module "manifest_queue" {
  source = "./modules/queue"

  name = local.names.manifest_queue
  arn  = local.queue_arns.manifests
  senders = [
    for sender in local.manifest_senders[var.notifications] :
    { sid = "ManifestEvents", service = "${sender.service}.${local.dns_suffix}", sources = [sender.source], account = sender.account }
  ]
  kms_key_arn                   = local.kms_key_arn
  visibility_timeout_seconds    = local.stack.queue.visibility_timeout_seconds
  max_receives                  = local.stack.queue.max_receives
  retention_seconds             = local.stack.queue.retention_seconds
  dead_letter_retention_seconds = local.stack.queue.dead_letter_retention_seconds
  tags                          = local.tags
}

resource "aws_lambda_event_source_mapping" "manifests" {
  event_source_arn                   = module.manifest_queue.arn
  function_name                      = module.function[local.stack.queue.function].arn
  batch_size                         = local.stack.queue.batch_size
  maximum_batching_window_in_seconds = local.stack.queue.batch_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = local.tags

  scaling_config {
    maximum_concurrency = local.stack.queue.maximum_concurrency
  }
}

# Events that a function failed on for good. The sweep repairs what they would have done; they are kept for a look.
module "event_failures" {
  source = "./modules/queue"

  name = "${var.name}-events"
  arn  = local.queue_arns.events
  senders = [
    { sid = "Rules", service = "events.${local.dns_suffix}", sources = concat(values(local.rule_arns), ["${local.arn_prefix.events}:rule/${local.crawler_rule_name}"]) },
  ]
  kms_key_arn       = local.kms_key_arn
  is_last_resort    = true
  retention_seconds = local.stack.queue.dead_letter_retention_seconds
  tags              = local.tags
}

# Manifests of a bucket whose notification belongs to somebody else: through a topic, or through EventBridge. The function
# understands both forms. What S3 tells the queue itself is in s3.tf.
locals {
  manifest_rule = "${var.name}-foreign-manifests"

  # Who may send to the queue, by the input `notifications`.
  manifest_senders = {
    own         = [{ service = "s3", source = local.bucket_arns.raw, account = local.account }]
    sns         = [{ service = "sns", source = coalesce(var.notification_topic_arn, "none"), account = null }]
    eventbridge = [{ service = "events", source = "${local.arn_prefix.events}:rule/${local.manifest_rule}", account = null }]
    none        = []
  }
}

resource "aws_sns_topic_subscription" "manifests" {
  count = var.notifications == "sns" ? 1 : 0

  topic_arn           = var.notification_topic_arn
  protocol            = "sqs"
  endpoint            = module.manifest_queue.arn
  filter_policy_scope = "MessageBody"

  # https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html
  filter_policy = jsonencode({ Records = { s3 = { object = { key = [{ suffix = "manifest.json" }] } } } })

  depends_on = [aws_lambda_event_source_mapping.manifests]
}

resource "aws_cloudwatch_event_rule" "manifests" {
  count = var.notifications == "eventbridge" ? 1 : 0

  name        = local.manifest_rule
  description = "Manifests in ${local.buckets.raw}"
  tags        = local.tags

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail = {
      bucket = { name = [local.buckets.raw] }
      object = { key = [{ suffix = "manifest.json" }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "manifests" {
  count = var.notifications == "eventbridge" ? 1 : 0

  rule = aws_cloudwatch_event_rule.manifests[0].name
  arn  = module.manifest_queue.arn

  depends_on = [aws_lambda_event_source_mapping.manifests]
}

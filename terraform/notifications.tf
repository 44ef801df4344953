# What people hear of.
module "business_topic" {
  source = "./modules/topic"

  name        = local.names.business_topic
  arn         = local.topic_arns.business
  kms_key_arn = local.kms_key_arn
  emails      = var.emails.business
  tags        = local.tags
}

module "support_topic" {
  source = "./modules/topic"

  name        = local.names.support_topic
  arn         = local.topic_arns.support
  kms_key_arn = local.kms_key_arn
  emails      = var.emails.support
  senders = [
    {
      sid     = "Alarms"
      service = "cloudwatch.${local.dns_suffix}"
      sources = ["arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:${var.name}-*"]
    },
    {
      # No sources: with a condition EventBridge cannot publish.
      sid     = "Rules"
      service = "events.${local.dns_suffix}"
      sources = []
    },
  ]
  tags = local.tags
}

# Crawlers: one per dataset and zone, over the tables that the contracts made. crawlers/definitions.py is the one
# definition of a crawler: what is here only gives it its role, its queue and its time.
locals {
  is_crawling = {
    raw       = var.crawlers.raw
    processed = var.crawlers.processed
  }
  crawler_schedules = {
    raw       = coalesce(var.crawlers.raw_schedule, local.stack.crawlers.schedules.raw)
    processed = coalesce(var.crawlers.processed_schedule, local.stack.crawlers.schedules.processed)
  }

  crawlers = { for key, crawler in local.catalog.crawlers : key => crawler if local.is_crawling[crawler.zone] }

  # Raw folders are listed: the raw bucket's events for manifests end with the same name in every folder, and S3 refuses
  # a second configuration whose prefix overlaps with that.
  event_crawlers = { for key, crawler in local.crawlers : key => crawler if crawler.hears_events }

  crawler_names       = { for key in keys(local.crawlers) : key => "${var.name}-${replace(key, "_", "-")}" }
  crawler_queue_names = { for key in keys(local.event_crawlers) : key => "${local.crawler_names[key]}-objects" }
  object_topic_arn    = "${local.arn_prefix.sns}:${var.name}-processed-objects"
}

module "object_topic" {
  source = "./modules/topic"
  count  = local.is_crawling.processed ? 1 : 0

  name        = "${var.name}-processed-objects"
  arn         = local.object_topic_arn
  kms_key_arn = local.kms_key_arn
  tags        = local.tags
  senders = [
    { sid = "Objects", service = "s3.${local.dns_suffix}", sources = [local.bucket_arns.processed], account = local.account },
  ]
}

module "crawler_queue" {
  source   = "./modules/queue"
  for_each = local.event_crawlers

  name        = local.crawler_queue_names[each.key]
  arn         = "${local.arn_prefix.sqs}:${local.crawler_queue_names[each.key]}"
  senders     = [{ sid = "Objects", service = "sns.${local.dns_suffix}", sources = [local.object_topic_arn] }]
  kms_key_arn = local.kms_key_arn
  # A weekly crawl must find all events of its week.
  retention_seconds             = local.stack.crawlers.retention_seconds
  dead_letter_retention_seconds = local.stack.crawlers.dead_letter_retention_seconds
  tags                          = local.tags
}

resource "aws_sns_topic_subscription" "crawler" {
  for_each = local.event_crawlers

  topic_arn            = module.object_topic[0].arn
  protocol             = "sqs"
  endpoint             = module.crawler_queue[each.key].arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageBody"
  filter_policy        = each.value.event_filter
}

module "crawler" {
  source   = "./modules/crawler"
  for_each = local.crawlers

  name        = local.crawler_names[each.key]
  description = each.value.description
  database    = aws_glue_catalog_database.this[each.value.zone].name
  tables      = each.value.tables
  catalog_arns = concat(
    slice(local.catalog_arns[each.value.zone], 0, 2),
    [for table in each.value.tables : "${local.arn_prefix.glue}:table/${local.databases[each.value.zone]}/${table}"],
  )
  bucket_arn                   = local.bucket_arns[each.value.zone]
  prefixes                     = each.value.folders
  configuration                = local.catalog.crawling.configuration
  recrawl_behavior             = local.catalog.crawling.recrawl_behaviors[each.value.zone]
  update_behavior              = local.catalog.crawling.update_behavior
  delete_behavior              = local.catalog.crawling.delete_behavior
  schedule                     = local.crawler_schedules[each.value.zone]
  event_queue_arn              = try(module.crawler_queue[each.key].arn, null)
  event_queue_dead_letters_arn = try(module.crawler_queue[each.key].dead_letters_arn, null)
  log_group_arn_prefix         = local.log_group_arn_prefix
  kms_key_arn                  = local.kms_key_arn
  permissions_boundary         = var.permissions_boundary
  tags                         = local.tags

  depends_on = [aws_glue_catalog_table.this]
}

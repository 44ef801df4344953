# What support is woken for. Metrics of the namespace Sluice have the dataset as their only dimension, so there is an
# alarm for each dataset; a dataset without data raises none.
locals {
  dead_letter_queues = merge(
    {
      manifests = module.manifest_queue.dead_letters_name
      events    = module.event_failures.dead_letters_name
    },
    { for key, queue in module.crawler_queue : "crawler-${key}" => queue.dead_letters_name },
  )

  dataset_alarms = {
    errors = {
      metric      = "ProcessingErrors"
      statistic   = "Sum"
      threshold   = 0
      description = "Batches failed or were rejected"
    }
    duration = {
      metric      = "ExecutionDuration"
      statistic   = "Maximum"
      threshold   = var.alarms.duration_seconds
      description = "A run took longer than ${var.alarms.duration_seconds} s"
    }
    freshness = {
      metric      = "FreshnessSeconds"
      statistic   = "Maximum"
      threshold   = var.alarms.freshness_seconds
      description = "Rows could be queried later than ${var.alarms.freshness_seconds} s after their manifest"
    }
    notifications = {
      metric      = "NotificationsFailed"
      statistic   = "Sum"
      threshold   = 0
      description = "Notifications could not be sent"
    }
  }
  alarms_by_dataset = {
    for pair in setproduct(keys(local.dataset_alarms), local.datasets) :
    join("-", pair) => merge(local.dataset_alarms[pair[0]], { dataset = pair[1] })
  }
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = local.dead_letter_queues

  alarm_name          = "${var.name}-dead-letters-${each.key}"
  alarm_description   = "Queue ${each.value} is not empty: look at its messages, fix the cause, send them back (redrive)"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.support_topic.arn]
  ok_actions          = [module.support_topic.arn]
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "dataset" {
  for_each = local.alarms_by_dataset

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.description}: dataset ${each.value.dataset}, see `sluice status --dataset ${each.value.dataset}`"
  namespace           = "Sluice"
  metric_name         = each.value.metric
  dimensions          = { dataset = each.value.dataset }
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.support_topic.arn]
  ok_actions          = [module.support_topic.arn]
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "quarantine_share" {
  for_each = toset(local.datasets)

  alarm_name          = "${var.name}-quarantine-${each.key}"
  alarm_description   = "More than ${var.alarms.quarantine_share * 100} % of an hour's records were quarantined: `sluice quarantine ${each.key}`"
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.quarantine_share
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.support_topic.arn]
  ok_actions          = [module.support_topic.arn]
  tags                = local.tags

  metric_query {
    id          = "share"
    expression  = "IF(published + quarantined > 0, quarantined / (published + quarantined), 0)"
    label       = "Share of quarantined records"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { published = "RowsPublished", quarantined = "RowsQuarantined" }

    content {
      id = metric_query.key

      metric {
        namespace   = "Sluice"
        metric_name = metric_query.value
        dimensions  = { dataset = each.key }
        stat        = "Sum"
        period      = 3600
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "function_errors" {
  for_each = local.function_names

  alarm_name          = "${var.name}-function-${each.key}"
  alarm_description   = "More than ${var.alarms.error_share * 100} % of the invocations of ${each.value} failed"
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.error_share
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.support_topic.arn]
  ok_actions          = [module.support_topic.arn]
  tags                = local.tags

  metric_query {
    id          = "share"
    expression  = "IF(invocations > 0, errors / invocations, 0)"
    label       = "Share of failed invocations"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { errors = "Errors", invocations = "Invocations" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/Lambda"
        metric_name = metric_query.value
        dimensions  = { FunctionName = each.value }
        stat        = "Sum"
        period      = 300
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "machine" {
  for_each = toset(["ExecutionsAborted", "ExecutionsFailed", "ExecutionsTimedOut"])

  alarm_name          = "${var.name}-machine-${each.key}"
  alarm_description   = "A load stopped; the sweep goes on with it a few times, then `sluice retry` does"
  namespace           = "AWS/States"
  metric_name         = each.key
  dimensions          = { StateMachineArn = local.machine_arn }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.support_topic.arn]
  ok_actions          = [module.support_topic.arn]
  tags                = local.tags
}

# A sweep that does not run repairs nothing: the schedule is watched too.
resource "aws_cloudwatch_metric_alarm" "sweep_silent" {
  alarm_name          = "${var.name}-sweep-silent"
  alarm_description   = "The sweep has not run for half an hour"
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = local.function_names.sweep }
  statistic           = "Sum"
  period              = 900
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [module.support_topic.arn]
  ok_actions          = [module.support_topic.arn]
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "crawlers" {
  count = length(local.crawlers) > 0 ? 1 : 0

  alarm_name          = "${var.name}-crawlers"
  alarm_description   = "A crawl failed; the message of the rule ${local.crawler_rule_name} names the crawler"
  namespace           = "AWS/Events"
  metric_name         = "TriggeredRules"
  dimensions          = { RuleName = local.crawler_rule_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.support_topic.arn]
  ok_actions          = [module.support_topic.arn]
  tags                = local.tags
}

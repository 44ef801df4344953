# Rules and schedules that call functions; their patterns and times are in stack.json.
locals {
  rules = merge(
    { for key, rule in local.stack.rules : key => { function = rule.function, pattern = jsonencode(rule.pattern), schedule = null } },
    { for key, rule in local.stack.schedules : key => { function = rule.function, pattern = null, schedule = rule.expression } },
  )
}

resource "aws_cloudwatch_event_rule" "rule" {
  for_each = local.rules

  name                = local.rule_names[each.key]
  description         = "Calls ${local.function_names[each.value.function]}"
  event_pattern       = each.value.pattern
  schedule_expression = each.value.schedule
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "rule" {
  for_each = local.rules

  rule      = aws_cloudwatch_event_rule.rule[each.key].name
  target_id = local.function_names[each.value.function]
  arn       = module.function[each.value.function].arn

  retry_policy {
    maximum_event_age_in_seconds = 6 * 3600
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = module.event_failures.arn
  }

  depends_on = [aws_lambda_permission.rule]
}

resource "aws_lambda_permission" "rule" {
  for_each = local.rules

  statement_id  = local.rule_names[each.key]
  function_name = module.function[each.value.function].name
  action        = "lambda:InvokeFunction"
  principal     = "events.${local.dns_suffix}"
  source_arn    = local.rule_arns[each.key]
}

# A failed crawl is told to support at once. Glue writes the states of crawlers in mixed case:
# https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
resource "aws_cloudwatch_event_rule" "crawler_failed" {
  count = length(local.crawlers) > 0 ? 1 : 0

  name        = local.crawler_rule_name
  description = "Tells support of failed crawls"
  tags        = local.tags
  event_pattern = jsonencode({
    source      = ["aws.glue"]
    detail-type = ["Glue Crawler State Change"]
    detail      = { state = ["Failed"], crawlerName = values(local.crawler_names) }
  })
}

resource "aws_cloudwatch_event_target" "crawler_failed" {
  count = length(local.crawlers) > 0 ? 1 : 0

  rule      = aws_cloudwatch_event_rule.crawler_failed[0].name
  target_id = "support"
  arn       = module.support_topic.arn

  input_transformer {
    input_paths    = { crawler = "$.detail.crawlerName", message = "$.detail.message" }
    input_template = "\"Crawler <crawler> failed: <message>\""
  }

  dead_letter_config {
    arn = module.event_failures.arn
  }
}

locals {
  crawler_rule_name = "${var.name}-crawler-failed"
}

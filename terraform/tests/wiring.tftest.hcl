# What is connected with what.
mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment = "dev"
  owner       = "data-platform"
  redshift    = "serverless"
  emails = {
    business = ["sales@example.com"]
    support  = ["oncall@example.com", "lead@example.com"]
  }
}

run "plan" {
  command = plan

  # A manifest starts the path.

  assert {
    condition = [for queue in aws_s3_bucket_notification.raw[0].queue : [queue.queue_arn, queue.filter_suffix, join(",", queue.events)]] == [
      ["arn:aws:sqs:eu-central-1:111122223333:sluice-manifests", "manifest.json", "s3:ObjectCreated:*"],
    ]
    error_message = "Manifests, and nothing else, are announced to the queue."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.manifests.event_source_arn == "arn:aws:sqs:eu-central-1:111122223333:sluice-manifests"
      && aws_lambda_event_source_mapping.manifests.function_name == "arn:aws:lambda:eu-central-1:111122223333:function:sluice-on-manifest"
      && join(",", aws_lambda_event_source_mapping.manifests.function_response_types) == "ReportBatchItemFailures"
      && aws_lambda_event_source_mapping.manifests.scaling_config[0].maximum_concurrency == 10
    )
    error_message = "The queue feeds on-manifest, message by message."
  }

  # The end of a conversion, and the sweep.

  assert {
    condition = { for key, target in aws_cloudwatch_event_target.rule : key => [target.rule, target.arn, target.dead_letter_config[0].arn] } == {
      crawled    = ["sluice-crawled", "arn:aws:lambda:eu-central-1:111122223333:function:sluice-sync-schema", "arn:aws:sqs:eu-central-1:111122223333:sluice-events"]
      job-change = ["sluice-job-change", "arn:aws:lambda:eu-central-1:111122223333:function:sluice-on-job-change", "arn:aws:sqs:eu-central-1:111122223333:sluice-events"]
      sweep      = ["sluice-sweep", "arn:aws:lambda:eu-central-1:111122223333:function:sluice-sweep", "arn:aws:sqs:eu-central-1:111122223333:sluice-events"]
    }
    error_message = "Each rule calls its function, and keeps what it cannot deliver."
  }

  assert {
    condition = { for key, permission in aws_lambda_permission.rule : key => [permission.function_name, permission.principal, permission.source_arn] } == {
      crawled    = ["sluice-sync-schema", "events.amazonaws.com", "arn:aws:events:eu-central-1:111122223333:rule/sluice-crawled"]
      job-change = ["sluice-on-job-change", "events.amazonaws.com", "arn:aws:events:eu-central-1:111122223333:rule/sluice-job-change"]
      sweep      = ["sluice-sweep", "events.amazonaws.com", "arn:aws:events:eu-central-1:111122223333:rule/sluice-sweep"]
    }
    error_message = "A function may be called by its rule alone."
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.rule["crawled"].event_pattern) == {
      source      = ["aws.glue"]
      detail-type = ["Glue Crawler State Change"]
      detail      = { state = ["Succeeded"], crawlerName = [{ prefix = "sluice-" }] }
    }
    error_message = "The schema sync follows our own crawlers."
  }

  # The load machine.

  assert {
    condition     = aws_sfn_state_machine.load.name == "sluice-load" && jsondecode(aws_sfn_state_machine.load.definition).States.Load.Arguments.JobName == "sluice-load-redshift"
    error_message = "The machine starts the load job."
  }

  assert {
    condition = {
      for name in ["BookLoad", "Archive", "Finish", "BookFailure", "Stopped"] :
      name => jsondecode(aws_sfn_state_machine.load.definition).States[name].Arguments.FunctionName
      } == {
      BookLoad    = "sluice-load-step"
      Archive     = "sluice-archive"
      Finish      = "sluice-load-step"
      BookFailure = "sluice-load-step"
      Stopped     = "sluice-load-step"
    }
    error_message = "Each state calls its function."
  }

  # People.

  assert {
    condition     = length(module.business_topic.emails) == 1 && length(module.support_topic.emails) == 2
    error_message = "Each address hears of its topic."
  }

  assert {
    condition = alltrue([
      for alarm in concat(
        values(aws_cloudwatch_metric_alarm.dead_letters),
        values(aws_cloudwatch_metric_alarm.dataset),
        values(aws_cloudwatch_metric_alarm.quarantine_share),
        values(aws_cloudwatch_metric_alarm.function_errors),
        values(aws_cloudwatch_metric_alarm.machine),
        [aws_cloudwatch_metric_alarm.sweep_silent],
        aws_cloudwatch_metric_alarm.crawlers,
      ) : alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:sluice-support"]) && alarm.alarm_description != ""
    ])
    error_message = "Every alarm tells support, and says what to do."
  }

  assert {
    condition     = sort(output.dead_letter_queues) == sort(["sluice-events", "sluice-manifests-dlq", "sluice-processed-customers-objects-dlq", "sluice-processed-orders-objects-dlq", "sluice-processed-products-objects-dlq", "sluice-processed-transactions-objects-dlq"])
    error_message = "Every queue of failures is watched."
  }

  # Crawlers.

  assert {
    condition = jsondecode(aws_sns_topic_subscription.crawler["processed-orders"].filter_policy) == {
      Records = { s3 = { object = { key = [{ prefix = "orders/" }, { prefix = "order_items/" }, { prefix = "orders_quarantine/" }] } } }
    }
    error_message = "A crawler hears of the folders of its own tables."
  }

  assert {
    condition     = toset([for rule in jsondecode(aws_cloudwatch_event_rule.crawler_failed[0].event_pattern).detail.crawlerName : rule]) == toset(values(local.crawler_names))
    error_message = "Failures of our crawlers, and of no others, are told."
  }
}

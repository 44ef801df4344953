# A raw bucket whose notification belongs to somebody else.
mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment = "test"
  owner       = "data-platform"
  redshift    = "serverless"
}

run "own" {
  command = plan

  assert {
    condition = (
      length(aws_s3_bucket_notification.raw) == 1
      && length(aws_sns_topic_subscription.manifests) == 0 && length(aws_cloudwatch_event_rule.manifests) == 0
      && [for sender in local.manifest_senders[var.notifications] : sender.service] == ["s3"]
    )
    error_message = "S3 tells the queue, and nobody else does."
  }
}

run "sns" {
  command = plan

  variables {
    notifications          = "sns"
    notification_topic_arn = "arn:aws:sns:eu-central-1:111122223333:landing"
  }

  assert {
    condition = (
      length(aws_s3_bucket_notification.raw) == 0 && length(aws_cloudwatch_event_rule.manifests) == 0
      && aws_sns_topic_subscription.manifests[0].topic_arn == "arn:aws:sns:eu-central-1:111122223333:landing"
      && aws_sns_topic_subscription.manifests[0].protocol == "sqs"
      && local.manifest_senders[var.notifications][0].source == "arn:aws:sns:eu-central-1:111122223333:landing"
    )
    error_message = "The topic tells the queue, and the bucket's notification is left alone."
  }
}

run "eventbridge" {
  command = plan

  variables {
    notifications = "eventbridge"
  }

  assert {
    condition = (
      length(aws_s3_bucket_notification.raw) == 0 && length(aws_sns_topic_subscription.manifests) == 0
      && jsondecode(aws_cloudwatch_event_rule.manifests[0].event_pattern).detail.bucket.name[0] == local.buckets.raw
      && endswith(local.manifest_senders[var.notifications][0].source, ":rule/${aws_cloudwatch_event_rule.manifests[0].name}")
    )
    error_message = "EventBridge tells the queue, and the bucket's notification is left alone."
  }
}

run "none" {
  command = plan

  variables {
    notifications = "none"
  }

  assert {
    condition = (
      length(aws_s3_bucket_notification.raw) == 0 && length(aws_sns_topic_subscription.manifests) == 0
      && length(aws_cloudwatch_event_rule.manifests) == 0 && length(local.manifest_senders[var.notifications]) == 0
    )
    error_message = "Nobody tells the queue."
  }
}

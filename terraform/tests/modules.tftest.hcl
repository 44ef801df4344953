# What the modules refuse.
mock_provider "aws" {
  source = "./tests/aws"
}

run "a_wildcard_without_a_reason" {
  command = plan

  module {
    source = "./modules/role"
  }

  variables {
    name        = "r"
    description = "A role"
    services    = ["lambda.amazonaws.com"]
    statements  = [{ sid = "All", actions = ["s3:GetObject"], resources = ["*"] }]
  }

  expect_failures = [var.statements]
}

run "a_wildcard_action_without_a_reason" {
  command = plan

  module {
    source = "./modules/role"
  }

  variables {
    name        = "r"
    description = "A role"
    services    = ["lambda.amazonaws.com"]
    statements  = [{ sid = "All", actions = ["s3:Get*"], resources = ["arn:aws:s3:::b/*"] }]
  }

  expect_failures = [var.statements]
}

run "a_wildcard_with_its_reason" {
  command = plan

  module {
    source = "./modules/role"
  }

  variables {
    name           = "r"
    description    = "A role"
    services       = ["states.amazonaws.com"]
    source_account = "111122223333"
    statements = [
      {
        sid        = "Trace"
        actions    = ["xray:PutTraceSegments"]
        resources  = ["*"]
        conditions = [{ test = "StringEquals", variable = "aws:RequestedRegion", values = ["eu-central-1"] }]
        why        = "X-Ray knows no resources."
      },
    ]
  }

  assert {
    condition = jsondecode(output.policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "Trace"
        Effect    = "Allow"
        Action    = ["xray:PutTraceSegments"]
        Resource  = ["*"]
        Condition = { StringEquals = { "aws:RequestedRegion" = ["eu-central-1"] } }
      }]
    }
    error_message = "The statement stands in the policy as it was given."
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "Service"
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = ["states.amazonaws.com"] }
        Condition = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
      }]
    }
    error_message = "Only the service, and only for this account."
  }
}

run "two_statements_of_one_sid" {
  command = plan

  module {
    source = "./modules/role"
  }

  variables {
    name        = "r"
    description = "A role"
    services    = ["lambda.amazonaws.com"]
    statements = [
      { sid = "A", actions = ["s3:GetObject"], resources = ["arn:aws:s3:::b/*"] },
      { sid = "A", actions = ["s3:PutObject"], resources = ["arn:aws:s3:::b/*"] },
    ]
  }

  expect_failures = [var.statements]
}

run "a_queue_that_gives_up_too_soon" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    name         = "q"
    arn          = "arn:aws:sqs:eu-central-1:111122223333:q"
    senders      = []
    kms_key_arn  = "arn:aws:kms:eu-central-1:111122223333:key/mine"
    max_receives = 1
  }

  expect_failures = [var.max_receives]
}

run "dead_letters_that_die_first" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    name                          = "q"
    arn                           = "arn:aws:sqs:eu-central-1:111122223333:q"
    senders                       = []
    kms_key_arn                   = "arn:aws:kms:eu-central-1:111122223333:key/mine"
    retention_seconds             = 86400
    dead_letter_retention_seconds = 3600
  }

  expect_failures = [var.dead_letter_retention_seconds]
}

run "an_address_that_is_none" {
  command = plan

  module {
    source = "./modules/topic"
  }

  variables {
    name        = "t"
    arn         = "arn:aws:sns:eu-central-1:111122223333:t"
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/mine"
    emails      = ["not an address"]
  }

  expect_failures = [var.emails]
}

run "a_warehouse_open_to_the_world" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    name                 = "n"
    region               = "eu-central-1"
    account_id           = "111122223333"
    availability_zones   = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    log_group_arn_prefix = "arn:aws:logs:eu-central-1:111122223333:log-group:"
    kms_key_arn          = "arn:aws:kms:eu-central-1:111122223333:key/mine"
    client_cidr_blocks   = ["0.0.0.0/0"]
  }

  expect_failures = [var.client_cidr_blocks]
}

run "a_capacity_that_redshift_refuses" {
  command = plan

  module {
    source = "./modules/redshift_serverless"
  }

  variables {
    name               = "w"
    database           = "warehouse"
    role_arn           = "arn:aws:iam::111122223333:role/w"
    subnet_ids         = ["subnet-1", "subnet-2", "subnet-3"]
    security_group_ids = ["sg-1"]
    kms_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/mine"
    partition          = "aws"
    region             = "eu-central-1"
    account_id         = "111122223333"
    base_capacity      = 12
  }

  expect_failures = [var.base_capacity]
}

run "limits_and_snapshots_of_serverless" {
  command = plan

  module {
    source = "./modules/redshift_serverless"
  }

  variables {
    name               = "w"
    database           = "warehouse"
    role_arn           = "arn:aws:iam::111122223333:role/w"
    subnet_ids         = ["subnet-1", "subnet-2", "subnet-3"]
    security_group_ids = ["sg-1"]
    kms_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/mine"
    partition          = "aws"
    region             = "eu-central-1"
    account_id         = "111122223333"
    usage_limits       = [{ rpu_hours = 20 }, { rpu_hours = 300, period = "monthly", breach_action = "deactivate" }]
  }

  assert {
    condition = { for key, limit in aws_redshiftserverless_usage_limit.this : key => limit.amount } == {
      daily-emit-metric  = 20
      monthly-deactivate = 300
    }
    error_message = "Each limit is there."
  }

  assert {
    condition = jsondecode(aws_scheduler_schedule.snapshot[0].target[0].input) == {
      NamespaceName   = "w"
      SnapshotName    = "w-<aws.scheduler.execution-id>"
      RetentionPeriod = 7
    }
    error_message = "A snapshot a day, kept for a week, each under a name of its own."
  }
}

run "a_cluster_without_a_last_queue" {
  command = plan

  module {
    source = "./modules/redshift_provisioned"
  }

  variables {
    name               = "wh"
    database           = "warehouse"
    role_arn           = "arn:aws:iam::111122223333:role/wh"
    subnet_ids         = ["subnet-1", "subnet-2"]
    security_group_ids = ["sg-1"]
    kms_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/mine"
    queues             = [{ name = "load", user_groups = ["sluice"] }]
  }

  expect_failures = [var.queues]
}

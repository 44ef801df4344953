# Wrong inputs are refused: each of those that a run expects to fail must fail, and no other may.
mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment = "dev"
  owner       = "data-platform"
  redshift    = "serverless"
}

run "values_out_of_bounds" {
  command = plan

  variables {
    environment             = "Production!"
    owner                   = " "
    redshift                = "snowflake"
    name                    = "a-name-of-more-than-twenty"
    max_attempts            = 0
    max_batches_per_run     = 1.5
    max_files_per_run       = -1
    retry_delay_seconds     = -1
    give_up_after_seconds   = -1
    file_wait_seconds       = -1
    max_ahead_seconds       = -1
    reconcile_seconds       = -1
    notifications           = "email"
    log_level               = "LOUD"
    warehouse_database      = "1st"
    warehouse_schemas       = { spectrum = "public" }
    warehouse_readers       = ["x\"; drop"]
    network                 = { subnet_ids = ["subnet-1"] }
    retention_days          = { logs = 100 }
    athena_scan_limit_bytes = 1000
    alarms                  = { quarantine_share = 5 }
    source_writers          = { orders = ["somebody"] }
  }

  expect_failures = [
    var.environment,
    var.owner,
    var.redshift,
    var.name,
    var.max_attempts,
    var.max_batches_per_run,
    var.max_files_per_run,
    var.retry_delay_seconds,
    var.give_up_after_seconds,
    var.file_wait_seconds,
    var.max_ahead_seconds,
    var.reconcile_seconds,
    var.notifications,
    var.log_level,
    var.warehouse_database,
    var.warehouse_schemas,
    var.warehouse_readers,
    var.network,
    var.retention_days,
    var.athena_scan_limit_bytes,
    var.alarms,
    var.source_writers,
  ]
}

run "writers_of_a_dataset_that_is_none" {
  command = plan

  variables {
    source_writers = { gone = ["arn:aws:iam::111122223333:role/gone"] }
  }

  expect_failures = [terraform_data.packages]
}

run "an_existing_warehouse_that_is_not_named" {
  command = plan

  variables {
    redshift = "existing"
  }

  expect_failures = [var.existing_warehouse]
}

run "a_workgroup_and_a_cluster" {
  command = plan

  variables {
    redshift = "existing"
    existing_warehouse = {
      workgroup  = "one"
      cluster    = "two"
      arn        = "arn:aws:redshift-serverless:eu-central-1:111122223333:workgroup/one"
      secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:one-aaaaaa"
    }
  }

  expect_failures = [var.existing_warehouse]
}

run "a_workgroup_by_its_name" {
  command = plan

  variables {
    redshift = "existing"
    existing_warehouse = {
      workgroup  = "one"
      arn        = "arn:aws:redshift-serverless:eu-central-1:111122223333:workgroup/one"
      secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:one-aaaaaa"
    }
  }

  expect_failures = [var.existing_warehouse]
}

run "a_cluster_by_its_namespace" {
  command = plan

  variables {
    redshift = "existing"
    existing_warehouse = {
      cluster    = "two"
      arn        = "arn:aws:redshift:eu-central-1:111122223333:namespace:00000000-0000-0000-0000-000000000004"
      secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:two-aaaaaa"
    }
  }

  expect_failures = [var.existing_warehouse]
}

run "a_cluster_of_another_region" {
  command = plan

  variables {
    redshift = "existing"
    existing_warehouse = {
      cluster    = "two"
      arn        = "arn:aws:redshift:eu-west-1:111122223333:cluster:two"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:two-aaaaaa"
    }
  }

  expect_failures = [terraform_data.packages]
}

run "a_workgroup_of_another_region" {
  command = plan

  variables {
    redshift = "existing"
    existing_warehouse = {
      workgroup  = "one"
      arn        = "arn:aws:redshift-serverless:us-east-1:111122223333:workgroup/0a1b2c3d-1111-2222-3333-444455556666"
      secret_arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:one-aaaaaa"
    }
  }

  expect_failures = [terraform_data.packages]
}

run "another_partition" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = {
      partition  = "aws-cn"
      dns_suffix = "amazonaws.com.cn"
    }
  }

  expect_failures = [terraform_data.packages]
}

run "contracts_that_were_not_packaged" {
  command = plan

  variables {
    contracts_folder = "./tests"
  }

  expect_failures = [terraform_data.packages]
}

run "a_topic_that_is_not_named" {
  command = plan

  variables {
    notifications = "sns"
  }

  expect_failures = [var.notification_topic_arn]
}

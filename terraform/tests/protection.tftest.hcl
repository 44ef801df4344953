# What deletion_protection stops in the plan. That a destroy stops is shown on the local cloud: tests/terraform/test_apply.py.
mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment = "prod"
  owner       = "data-platform"
  redshift    = "serverless"
}

run "made" {
  # As it is after the first apply; nothing else of that is asked for.
  plan_options {
    target = [terraform_data.identity]
  }

  assert {
    condition     = terraform_data.identity.output == local.identity
    error_message = "The identity is kept."
  }
}

run "an_upgrade_changes_what_holds_no_data" {
  command = plan

  variables {
    environment    = "preprod"
    retention_days = { logs = 30 }
    serverless     = { base_capacity = 16 }
  }
}

run "another_name" {
  command = plan

  variables {
    name = "other"
  }

  expect_failures = [terraform_data.protection]
}

run "another_bucket" {
  command = plan

  variables {
    bucket_names = { raw = "another-bucket" }
  }

  expect_failures = [terraform_data.protection]
}

run "another_database" {
  command = plan

  variables {
    warehouse_database = "other"
  }

  expect_failures = [terraform_data.protection]
}

run "another_kind_of_warehouse" {
  command = plan

  variables {
    redshift = "provisioned"
  }

  expect_failures = [terraform_data.protection]
}

run "another_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/mine"
  }

  expect_failures = [terraform_data.protection]
}

run "given_up" {
  variables {
    deletion_protection = false
  }

  plan_options {
    target = [terraform_data.identity]
  }
}

run "then_anything_goes" {
  command = plan

  variables {
    deletion_protection = false
    name                = "other"
  }
}

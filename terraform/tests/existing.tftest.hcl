# A warehouse that was made elsewhere.
mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment = "test"
  owner       = "data-platform"
  redshift    = "existing"
  existing_warehouse = {
    workgroup  = "shared"
    arn        = "arn:aws:redshift-serverless:eu-central-1:111122223333:workgroup/00000000-0000-0000-0000-000000000005"
    secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shared-aaaaaa"
    secret_key = "arn:aws:kms:eu-central-1:111122223333:key/shared"
    copy_role  = "arn:aws:iam::111122223333:role/shared"
  }
}

run "plan" {
  command = plan

  assert {
    condition = (
      length(module.redshift_serverless) == 0 && length(module.redshift_provisioned) == 0
      && length(module.network) == 0 && length(module.warehouse_role) == 0
    )
    error_message = "Nothing of a warehouse is made."
  }

  assert {
    condition = (
      local.settings.warehouse_workgroup == "shared"
      && local.settings.warehouse_cluster == ""
      && local.settings.warehouse_secret == ""
      && local.environment_of_administrator.SLUICE_WAREHOUSE_SECRET == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shared-aaaaaa"
      && local.settings.copy_role == "arn:aws:iam::111122223333:role/shared"
    )
    error_message = "The settings name what exists."
  }

  assert {
    condition = join(",", [
      for part, statements in merge(local.function_grants, local.job_grants) : part
      if strcontains(jsonencode(statements), "arn:aws:kms:eu-central-1:111122223333:key/shared")
      || strcontains(jsonencode(statements), "secretsmanager")
    ]) == "bootstrap"
    error_message = "The bootstrap alone reads the secret, and may use its key."
  }
}

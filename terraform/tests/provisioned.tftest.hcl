# A provisioned cluster.
mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment = "prod"
  owner       = "data-platform"
  redshift    = "provisioned"
}

run "warehouse" {
  command = plan

  assert {
    condition     = length(module.redshift_serverless) == 0 && length(module.redshift_provisioned) == 1
    error_message = "A cluster and no workgroup."
  }

  assert {
    condition     = local.names.warehouse_cluster == "sluice" && local.names.warehouse_workgroup == ""
    error_message = "The settings name the cluster and no workgroup."
  }

  assert {
    condition     = local.warehouse_arn == module.redshift_provisioned[0].arn
    error_message = "Policies name the cluster."
  }
}

run "cluster" {
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
    nodes              = 1
  }

  assert {
    condition     = aws_redshift_cluster.this.cluster_type == "single-node"
    error_message = "One node is a cluster of its own type."
  }

  assert {
    condition = (
      tobool(aws_redshift_cluster.this.encrypted) && aws_redshift_cluster.this.enhanced_vpc_routing
      && !aws_redshift_cluster.this.publicly_accessible && aws_redshift_cluster.this.manage_master_password
    )
    error_message = "Encrypted, private, and without a password of ours."
  }

  assert {
    condition     = !aws_redshift_cluster.this.skip_final_snapshot
    error_message = "The last snapshot is taken."
  }

  assert {
    condition = jsondecode([
      for parameter in aws_redshift_parameter_group.this.parameter : parameter.value
      if parameter.name == "wlm_json_configuration"
      ][0]) == [
      {
        name                  = "load"
        query_group           = []
        query_group_wild_card = 0
        user_group            = ["sluice"]
        user_group_wild_card  = 0
        user_role             = []
        user_role_wild_card   = 0
        concurrency_scaling   = "off"
        priority              = "high"
        queue_type            = "auto"
        auto_wlm              = true
      },
      {
        name                  = "readers"
        query_group           = []
        query_group_wild_card = 0
        user_group            = []
        user_group_wild_card  = 0
        user_role             = []
        user_role_wild_card   = 0
        concurrency_scaling   = "auto"
        priority              = "normal"
        queue_type            = "auto"
        auto_wlm              = true
      },
      { short_query_queue = true },
    ]
    error_message = "Loads go first, readers may use more clusters, short queries go before long ones."
  }
}

run "without_protection" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition     = !aws_dynamodb_table.ledger.deletion_protection_enabled && aws_athena_workgroup.this.force_destroy
    error_message = "What is not protected can be destroyed."
  }
}

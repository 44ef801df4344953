# Redshift Serverless, and what does not depend on the kind of warehouse.
mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment = "dev"
  owner       = "data-platform"
  redshift    = "serverless"
}

run "names" {
  command = plan

  assert {
    condition = local.buckets == {
      raw       = "sluice-raw-111122223333-eu-central-1"
      processed = "sluice-processed-111122223333-eu-central-1"
      logs      = "sluice-logs-111122223333-eu-central-1"
    }
    error_message = "A bucket's name holds account and region, because bucket names are one for the whole world."
  }

  assert {
    condition     = local.names.warehouse_workgroup == "sluice" && local.names.warehouse_cluster == ""
    error_message = "Serverless has a workgroup and no cluster."
  }

  assert {
    condition     = local.tags == { Environment = "dev", Application = "sluice", Owner = "data-platform" }
    error_message = "The three tags are there without being asked for."
  }

  assert {
    condition     = local.settings.copy_role == "default" && local.settings.warehouse_secret == ""
    error_message = "COPY uses the default role, and Sluice enters by IAM."
  }

  assert {
    condition     = length(module.redshift_serverless) == 1 && length(module.redshift_provisioned) == 0
    error_message = "Serverless and no cluster."
  }

  assert {
    condition     = local.warehouse_arn == module.redshift_serverless[0].arn
    error_message = "Policies name the workgroup."
  }

  assert {
    condition     = length(module.network) == 1 && length(module.network[0].subnet_ids) == 3
    error_message = "Redshift Serverless gets three subnets of a network made for it."
  }
}

run "a_network_of_yours" {
  command = plan

  variables {
    network = {
      subnet_ids         = ["subnet-1", "subnet-2", "subnet-3"]
      security_group_ids = ["sg-1"]
    }
  }

  assert {
    condition     = length(module.network) == 0
    error_message = "No network is made when one is given."
  }

  assert {
    condition     = join(",", local.subnet_ids) == "subnet-1,subnet-2,subnet-3" && join(",", local.security_group_ids) == "sg-1"
    error_message = "The warehouse lies in the subnets that were given."
  }
}

run "another_name" {
  command = plan

  variables {
    name = "dl-two"
    bucket_names = {
      raw = "acme-landing"
    }
    tags = { CostCentre = "42", Owner = "nobody" }
  }

  assert {
    condition     = local.names.raw_bucket == "acme-landing" && local.names.processed_bucket == "dl-two-processed-111122223333-eu-central-1"
    error_message = "One bucket's name can be given, the others are made."
  }

  assert {
    condition     = local.names.raw_database == "dl_two_raw" && local.names.processed_database == "dl_two_processed"
    error_message = "Catalog databases have underscores."
  }

  assert {
    condition     = local.tags == { CostCentre = "42", Environment = "dev", Application = "sluice", Owner = "data-platform" }
    error_message = "More tags are added; the three cannot be replaced."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.rule["job-change"].event_pattern == jsonencode({ source = ["aws.glue"], detail-type = ["Glue Job State Change"], detail = { jobName = ["dl-two-raw-to-parquet"] } })
    error_message = "The rule listens to this deployment's job alone."
  }
}

run "a_key_of_yours" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/mine"
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && local.kms_key_arn == "arn:aws:kms:eu-central-1:111122223333:key/mine"
    error_message = "No key is made when one is given."
  }

  assert {
    condition     = aws_dynamodb_table.ledger.server_side_encryption[0].kms_key_arn == "arn:aws:kms:eu-central-1:111122223333:key/mine"
    error_message = "The key given is used."
  }
}

run "sources_write_their_own_folder_only" {
  command = plan

  variables {
    source_writers = {
      orders   = ["arn:aws:iam::111122223333:role/shop", "arn:aws:iam::444455556666:role/till"]
      products = []
    }
  }

  assert {
    condition = [
      for statement in jsondecode(module.raw_bucket.policy).Statement : statement if statement.Effect == "Allow"
      ] == [
      {
        Sid       = "SourceOrders"
        Effect    = "Allow"
        Principal = { AWS = ["arn:aws:iam::111122223333:role/shop", "arn:aws:iam::444455556666:role/till"] }
        Action    = ["s3:AbortMultipartUpload", "s3:PutObject"]
        Resource  = "arn:aws:s3:::sluice-raw-111122223333-eu-central-1/orders/*"
      },
    ]
    error_message = "A source may put objects into the folder of its dataset."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement :
      [statement.Principal.AWS, statement.Action, statement.Condition.StringEquals["kms:ViaService"]] if statement.Sid == "SourceOrders"
      ] == [
      [
        ["arn:aws:iam::111122223333:role/shop", "arn:aws:iam::444455556666:role/till"],
        ["kms:Decrypt", "kms:GenerateDataKey"],
        "s3.eu-central-1.amazonaws.com",
      ],
    ]
    error_message = "And encrypt them by way of S3 alone."
  }
}

run "no_crawlers" {
  command = plan

  variables {
    crawlers = {
      raw       = false
      processed = false
    }
  }

  assert {
    condition     = length(module.crawler) == 0 && length(module.crawler_queue) == 0 && length(module.object_topic) == 0
    error_message = "No crawlers, and nothing that only they need."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.crawlers) == 0 && length(aws_s3_bucket_notification.processed) == 0
    error_message = "No alarm and no events for crawlers that are not there."
  }
}

run "without_tracing" {
  command = plan

  variables {
    tracing = false
  }

  assert {
    condition     = !aws_sfn_state_machine.load.tracing_configuration[0].enabled && !strcontains(module.machine_role.policy, "xray")
    error_message = "What is not traced needs no right to trace."
  }
}

# The load machine: everything after a conversion. The local cloud runs the same file.
locals {
  machine_log_group = "/aws/vendedlogs/states/${local.names.load_machine}"
}

resource "aws_sfn_state_machine" "load" {
  name     = local.names.load_machine
  type     = "STANDARD"
  role_arn = module.machine_role.arn
  tags     = local.tags

  definition = templatefile("${path.module}/state_machines/load.asl.json", {
    load_job           = module.job["load"].name
    load_step_function = module.function["load-step"].name
    archive_function   = module.function["archive"].name
  })

  logging_configuration {
    level                  = "ALL"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.machine.arn}:*"
  }

  tracing_configuration {
    enabled = var.tracing
  }

  encryption_configuration {
    type                              = "CUSTOMER_MANAGED_KMS_KEY"
    kms_key_id                        = local.kms_key_arn
    kms_data_key_reuse_period_seconds = 300
  }
}

resource "aws_cloudwatch_log_group" "machine" {
  name              = local.machine_log_group
  retention_in_days = var.retention_days.logs
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

module "machine_role" {
  source = "./modules/role"

  name                 = local.names.load_machine
  description          = "State machine ${local.names.load_machine}"
  services             = ["states.${local.dns_suffix}"]
  source_account       = local.account
  permissions_boundary = var.permissions_boundary
  tags                 = local.tags
  statements = concat(
    local.grant.key,
    [
      {
        # https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html
        sid       = "Load"
        actions   = ["glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"]
        resources = [local.job_arns.load]
      },
      {
        sid       = "Steps"
        actions   = ["lambda:InvokeFunction"]
        resources = [local.function_arns.load-step, local.function_arns.archive]
      },
      merge(local.warehouse_run, { actions = ["redshift-data:ExecuteStatement"] }),
      {
        # Without the condition of the jobs: the machine's sessions change their names, and with them the user id. The
        # Data API lets a role follow the statements of that role alone.
        # https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
        sid       = "WarehouseFollow"
        actions   = ["redshift-data:DescribeStatement"]
        resources = ["*"]
        why       = "A statement is not a resource of IAM."
      },
      {
        sid = "LogDelivery"
        actions = [
          "logs:CreateLogDelivery",
          "logs:DeleteLogDelivery",
          "logs:DescribeLogGroups",
          "logs:DescribeResourcePolicies",
          "logs:GetLogDelivery",
          "logs:ListLogDeliveries",
          "logs:PutResourcePolicy",
          "logs:UpdateLogDelivery",
        ]
        resources = ["*"]
        why       = "Log delivery knows no resources: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"
      },
    ],
    local.warehouse_enter,
    var.tracing ? [
      {
        sid = "Tracing"
        actions = [
          "xray:GetSamplingRules",
          "xray:GetSamplingTargets",
          "xray:PutTelemetryRecords",
          "xray:PutTraceSegments",
        ]
        resources = ["*"]
        why       = "X-Ray knows no resources for these actions."
      },
    ] : [],
  )
}

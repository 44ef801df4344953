# One Lambda function with a role and a log group of its own.
module "role" {
  source = "../role"

  name        = var.name
  description = "Lambda function ${var.name}"
  services    = ["lambda.amazonaws.com"]
  # Lambda sends no aws:SourceAccount when it takes a function's role on.
  source_account       = null
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
  statements = concat(
    var.statements,
    [
      {
        sid       = "Logs"
        actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        resources = ["${var.log_group_arn_prefix}${local.log_group}:*"]
      },
    ],
    var.tracing ? [
      {
        sid       = "Tracing"
        actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        resources = ["*"]
        why       = "X-Ray knows no resources for these actions."
      },
    ] : [],
  )
}

locals {
  log_group = "/aws/lambda/${var.name}"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_115: the queue's maximum concurrency and the one sweep bound it; a reserve would take from the account's
  # checkov:skip=CKV_AWS_116: failed events go to the on-failure destination below; other calls wait for their answer
  # checkov:skip=CKV_AWS_117: it talks to AWS's APIs only, so a VPC would add endpoints and protect nothing
  # checkov:skip=CKV_AWS_272: the package's digest is in the plan that a person agrees to; only the deploying role may change code
  function_name    = var.name
  description      = var.description
  role             = module.role.arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  runtime          = var.runtime
  architectures    = [var.architecture]
  handler          = var.handler
  timeout          = var.timeout_seconds
  memory_size      = var.memory_mb
  kms_key_arn      = var.kms_key_arn
  tags             = var.tags

  environment {
    variables = merge(var.environment, {
      POWERTOOLS_SERVICE_NAME = var.name
      POWERTOOLS_LOG_LEVEL    = var.log_level
    })
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  # Without the group, Lambda would make one that keeps its lines for ever.
  depends_on = [aws_cloudwatch_log_group.this]
}

# What EventBridge could not bring to the function, after Lambda's own two retries, is kept for a look.
resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.failures == null ? 0 : 1

  function_name                = aws_lambda_function.this.function_name
  maximum_event_age_in_seconds = 6 * 3600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = var.failures
    }
  }
}

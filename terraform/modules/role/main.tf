# One IAM role with one inline policy. The policy is written with jsonencode and not with aws_iam_policy_document:
# a mocked provider gives no document for a data source, and the tests are to see every policy as it will be.
locals {
  trust = {
    Version = "2012-10-17"
    Statement = [
      merge(
        {
          Sid       = "Service"
          Effect    = "Allow"
          Action    = "sts:AssumeRole"
          Principal = { Service = var.services }
        },
        # Keeps other accounts from making the service use this role (the confused deputy).
        var.source_account == null ? {} : { Condition = { StringEquals = { "aws:SourceAccount" = var.source_account } } },
      )
    ]
  }

  policy = {
    Version = "2012-10-17"
    Statement = [
      for statement in var.statements : merge(
        {
          Sid      = statement.sid
          Effect   = "Allow"
          Action   = statement.actions
          Resource = statement.resources
        },
        length(statement.conditions) == 0 ? {} : {
          Condition = {
            for condition in statement.conditions : condition.test => { (condition.variable) = condition.values }
          }
        },
      )
    ]
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = var.description
  assume_role_policy   = jsonencode(local.trust)
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = var.name
  role   = aws_iam_role.this.name
  policy = jsonencode(local.policy)
}

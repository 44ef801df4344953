# One crawler over tables that exist: it registers partitions that nobody registered and shows what drifted. It owns no
# schema: its policies, which crawlers/definitions.py gives, leave columns to the contracts.
module "role" {
  source = "../role"

  name                 = var.name
  description          = "Glue crawler ${var.name}"
  services             = ["glue.amazonaws.com"]
  source_account       = null
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
  statements = concat(
    [
      {
        sid       = "ReadObjects"
        actions   = ["s3:GetObject"]
        resources = [for prefix in var.prefixes : "${var.bucket_arn}/${prefix}*"]
      },
      {
        sid        = "ListObjects"
        actions    = ["s3:ListBucket"]
        resources  = [var.bucket_arn]
        conditions = [{ test = "StringLike", variable = "s3:prefix", values = [for prefix in var.prefixes : "${prefix}*"] }]
      },
      {
        sid       = "BucketLocation"
        actions   = ["s3:GetBucketLocation"]
        resources = [var.bucket_arn]
      },
      {
        sid       = "Decrypt"
        actions   = ["kms:Decrypt"]
        resources = [var.kms_key_arn]
      },
      {
        sid = "Tables"
        actions = [
          "glue:BatchCreatePartition",
          "glue:BatchGetPartition",
          "glue:BatchUpdatePartition",
          "glue:CreatePartition",
          "glue:GetDatabase",
          "glue:GetPartition",
          "glue:GetPartitions",
          "glue:GetTable",
          "glue:UpdatePartition",
          "glue:UpdateTable",
        ]
        resources = var.catalog_arns
      },
      {
        sid       = "Logs"
        actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        resources = ["${var.log_group_arn_prefix}/aws-glue/crawlers*"]
      },
    ],
    var.event_queue_arn == null ? [] : [
      {
        # https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-event-notifications.html
        sid = "Events"
        actions = [
          "sqs:DeleteMessage",
          "sqs:GetQueueAttributes",
          "sqs:GetQueueUrl",
          "sqs:ListDeadLetterSourceQueues",
          "sqs:ListQueueTags",
          "sqs:PurgeQueue",
          "sqs:ReceiveMessage",
          "sqs:SetQueueAttributes",
        ]
        resources = [var.event_queue_arn]
      },
    ],
  )
}

resource "aws_glue_crawler" "this" {
  # checkov:skip=CKV_AWS_195: it writes to no bucket; its log lines hold names only
  name          = var.name
  description   = var.description
  role          = module.role.arn
  database_name = var.database
  schedule      = var.schedule
  tags          = var.tags

  catalog_target {
    database_name       = var.database
    tables              = var.tables
    event_queue_arn     = var.event_queue_arn
    dlq_event_queue_arn = var.event_queue_dead_letters_arn
  }

  recrawl_policy {
    recrawl_behavior = var.recrawl_behavior
  }

  schema_change_policy {
    update_behavior = var.update_behavior
    delete_behavior = var.delete_behavior
  }

  configuration = var.configuration
}

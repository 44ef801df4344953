# One key for everything that is stored. Its policy lets the account's own policies decide, and services use it on
# behalf of this account alone.
locals {
  kms_key_arn = var.kms_key_arn == null ? aws_kms_key.this[0].arn : var.kms_key_arn

  kms_services = {
    # Events of the bucket to an encrypted queue, and to the topics of the crawlers' events.
    S3 = "s3.${local.dns_suffix}"
    # Messages of a topic to an encrypted queue.
    Sns = "sns.${local.dns_suffix}"
    # Dead letters of the rules.
    Events = "events.${local.dns_suffix}"
    # Alarms to the support topic.
    Alarms = "cloudwatch.${local.dns_suffix}"
  }
  dns_suffix = data.aws_partition.current.dns_suffix
}

resource "aws_kms_key" "this" {
  count = var.kms_key_arn == null ? 1 : 0

  description             = "Sluice ${var.name}: buckets, queues, topics, ledger, logs and warehouse"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # Without this nobody could manage the key, or let a role use it: what the account's policies allow, holds.
          Sid       = "Account"
          Effect    = "Allow"
          Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
          Action    = "kms:*"
          Resource  = "*"
        },
        {
          Sid       = "Logs"
          Effect    = "Allow"
          Principal = { Service = "logs.${local.region}.${local.dns_suffix}" }
          Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
          Resource  = "*"
          Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "${local.arn_prefix.logs}:*" } }
        },
        {
          # To an encrypted topic EventBridge sends neither aws:SourceAccount nor aws:SourceArn; the topic bounds it.
          # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
          Sid       = "EventsToSupport"
          Effect    = "Allow"
          Principal = { Service = "events.${local.dns_suffix}" }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = "*"
          Condition = { StringEquals = { "kms:EncryptionContext:aws:sns:topicArn" = local.topic_arns.support } }
        },
        {
          # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
          Sid       = "LogDelivery"
          Effect    = "Allow"
          Principal = { Service = "delivery.logs.${local.dns_suffix}" }
          Action    = "kms:Decrypt"
          Resource  = "*"
          Condition = { StringEquals = { "kms:EncryptionContext:SourceArn" = "${local.arn_prefix.logs}:*" } }
        },
      ],
      [
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html (the parts of an upload are read, too)
        for writer in local.source_writers : {
          Sid       = writer.sid
          Effect    = "Allow"
          Principal = { AWS = writer.principals }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = "*"
          Condition = {
            StringEquals = { "kms:ViaService" = "s3.${local.region}.${local.dns_suffix}" }
            # With a bucket key the context is the bucket.
            ArnEquals = { "kms:EncryptionContext:aws:s3:arn" = local.bucket_arns.raw }
          }
        }
      ],
      [
        for sid, service in local.kms_services : {
          Sid       = sid
          Effect    = "Allow"
          Principal = { Service = service }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = "*"
          Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
        }
      ],
    )
  })
}

resource "aws_kms_alias" "this" {
  count = var.kms_key_arn == null ? 1 : 0

  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this[0].key_id
}

# A queue that services fill, with a dead-letter queue of its own unless it is one itself.
locals {
  dead_letters = "${var.name}-dlq"
  count        = var.is_last_resort ? 0 : 1

  policy = {
    Version = "2012-10-17"
    Statement = concat(
      [
        for sender in var.senders : merge(
          {
            Sid       = sender.sid
            Effect    = "Allow"
            Principal = { Service = sender.service }
            Action    = "sqs:SendMessage"
            Resource  = var.arn
          },
          {
            Condition = merge(
              { ArnLike = { "aws:SourceArn" = sender.sources } },
              sender.account == null ? {} : { StringEquals = { "aws:SourceAccount" = sender.account } },
            )
          },
        )
      ],
      [local.tls_only],
    )
  }

  tls_only = {
    Sid       = "TlsOnly"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Resource  = var.arn
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
}

resource "aws_sqs_queue" "dead_letters" {
  count = local.count

  name                      = local.dead_letters
  message_retention_seconds = var.dead_letter_retention_seconds
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [merge(local.tls_only, { Resource = "${var.arn}-dlq" })]
  })
}

resource "aws_sqs_queue" "this" {
  name                       = var.name
  visibility_timeout_seconds = var.visibility_timeout_seconds
  message_retention_seconds  = var.retention_seconds
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  # Here and not in a resource of its own: no moment without it, and a minute less to wait for.
  policy = jsonencode(local.policy)

  redrive_policy = var.is_last_resort ? null : jsonencode({
    deadLetterTargetArn = "${var.arn}-dlq"
    maxReceiveCount     = var.max_receives
  })

  depends_on = [aws_sqs_queue.dead_letters]
}

# Only this queue's messages may be sent on, and sent back, through the dead-letter queue.
resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  count = local.count

  queue_url = aws_sqs_queue.dead_letters[0].url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [var.arn]
  })

  depends_on = [aws_sqs_queue.this]
}

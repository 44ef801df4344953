# A topic that people hear of things through.
resource "aws_sns_topic" "this" {
  name              = var.name
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        for sender in var.senders : merge(
          {
            Sid       = sender.sid
            Effect    = "Allow"
            Principal = { Service = sender.service }
            Action    = "sns:Publish"
            Resource  = var.arn
          },
          length(sender.sources) == 0 ? {} : {
            Condition = merge(
              { ArnLike = { "aws:SourceArn" = sender.sources } },
              sender.account == null ? {} : { StringEquals = { "aws:SourceAccount" = sender.account } },
            )
          },
        )
      ],
      [
        {
          # Callers of this account need no statement: their own policies allow them.
          Sid       = "TlsOnly"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sns:Publish"
          Resource  = var.arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        }
      ],
    )
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.value
}

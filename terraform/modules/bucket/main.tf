# A private bucket: versioned, encrypted, reached by TLS only, owned by its account alone.
resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_144: one region is the design; versions and the warehouse's snapshots are the way back, see docs/deploy.md
  # checkov:skip=CKV2_AWS_62: raw and processed have theirs in s3.tf; access logs announce nothing
  bucket        = var.name
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    # One data key for many objects: without it every object is a call, and a charge, of KMS.
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "TlsOnly"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = [var.arn, "${var.arn}/*"]
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        }
      ],
      [
        # An object under another key is there, and nobody here may read it. Who names no key gets the bucket's own.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
        for key in var.kms_key_arn == null ? [] : [var.kms_key_arn] : {
          Sid       = "OwnKeyOnly"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:PutObject"
          Resource  = "${var.arn}/*"
          Condition = {
            Null            = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
            StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = key }
          }
        }
      ],
      [
        for writer in var.log_writers : {
          Sid       = writer.sid
          Effect    = "Allow"
          Principal = { Service = writer.service }
          Action    = "s3:PutObject"
          Resource  = "${var.arn}/*"
          # A bucket's ARN names no account.
          Condition = {
            ArnLike      = { "aws:SourceArn" = writer.sources }
            StringEquals = { "aws:SourceAccount" = writer.account }
          }
        }
      ],
      [
        for guard in var.guards : {
          Sid       = guard.sid
          Effect    = "Deny"
          Principal = "*"
          Action    = guard.actions
          Resource  = [for prefix in guard.prefixes : "${var.arn}/${prefix}*"]
          Condition = { ArnLike = { "aws:PrincipalArn" = guard.principals } }
        }
      ],
      [
        for writer in var.writers : {
          Sid       = writer.sid
          Effect    = "Allow"
          Principal = { AWS = writer.principals }
          Action    = ["s3:AbortMultipartUpload", "s3:PutObject"]
          Resource  = "${var.arn}/${trimsuffix(writer.prefix, "/")}/*"
        }
      ],
    )
  })

  # A policy that is put while the block is being put meets a conflict.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "incomplete-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "noncurrent-versions"
    status = "Enabled"
    filter {}

    dynamic "noncurrent_version_transition" {
      # S3 moves nothing to infrequent access before its 30th day.
      for_each = var.noncurrent_days > 30 ? [30] : []

      content {
        noncurrent_days = noncurrent_version_transition.value
        storage_class   = "STANDARD_IA"
      }
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
  }

  dynamic "rule" {
    for_each = var.expirations

    content {
      id     = "expire-${rule.key == "" ? "all" : replace(trim(rule.key, "_/"), "/", "-")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = var.transitions

    content {
      id     = "cheaper-${replace(trim(rule.key, "_/"), "/", "-")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      transition {
        days          = rule.value.days
        storage_class = rule.value.storage_class
      }
    }
  }

  # Rules on versions need versioning first.
  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "this" {
  count = var.log_bucket == null ? 0 : 1

  bucket        = aws_s3_bucket.this.id
  target_bucket = var.log_bucket
  target_prefix = "${var.name}/"
}

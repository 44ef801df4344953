output "name" {
  description = "Name of the bucket; its protections are in place once it can be read."
  value       = aws_s3_bucket.this.bucket
  depends_on = [
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}

output "id" {
  description = "What the bucket is known by; another one when it is made again."
  value       = aws_s3_bucket.this.id
}

output "arn" {
  description = "ARN of the bucket."
  value       = var.arn
  depends_on  = [aws_s3_bucket.this]
}

output "policy" {
  description = "The bucket's policy."
  value       = aws_s3_bucket_policy.this.policy
}

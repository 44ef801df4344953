output "arn" {
  description = "ARN of the workgroup; the Data API's permissions name it."
  value       = aws_redshiftserverless_workgroup.this.arn
}

output "data_ids" {
  description = "What AWS knows namespace and workgroup by; others when they are made again."
  value       = [aws_redshiftserverless_namespace.this.namespace_id, aws_redshiftserverless_workgroup.this.workgroup_id]
}

output "workgroup" {
  description = "Name of the workgroup."
  value       = aws_redshiftserverless_workgroup.this.workgroup_name
}

output "admin_secret_arn" {
  description = "Secret of the administrator."
  value       = aws_redshiftserverless_namespace.this.admin_password_secret_arn
}

output "endpoint" {
  description = "Host name for SQL clients."
  value       = try(aws_redshiftserverless_workgroup.this.endpoint[0].address, null)
}

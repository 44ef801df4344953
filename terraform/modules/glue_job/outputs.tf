output "name" {
  description = "Name of the job."
  value       = aws_glue_job.this.name
}

output "role_name" {
  description = "Name of the job's role."
  value       = module.role.name
}

output "log_group" {
  description = "Name of the job's log group."
  value       = aws_cloudwatch_log_group.this.name
}

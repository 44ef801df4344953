output "name" {
  description = "Name of the job."
  value       = aws_glue_job.this.name
}

output "role_name" {
  description = "Name of the job's role."
  value       = module.role.name
}

output "log_groups" {
  description = "Names of the job's log groups: what Spark says, and what the job says."
  value       = [for group in values(aws_cloudwatch_log_group.this) : group.name]
}

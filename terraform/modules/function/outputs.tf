output "arn" {
  description = "ARN of the function."
  value       = var.arn
  depends_on  = [aws_lambda_function.this]
}

output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "role_name" {
  description = "Name of the function's role."
  value       = module.role.name
}

output "log_group" {
  description = "Name of the function's log group."
  value       = local.log_group
  depends_on  = [aws_cloudwatch_log_group.this]
}

output "arn" {
  description = "ARN of the role; its policy is in place once it can be read."
  value       = aws_iam_role.this.arn
  depends_on  = [aws_iam_role_policy.this]
}

output "name" {
  description = "Name of the role."
  value       = aws_iam_role.this.name
}

output "policy" {
  description = "The policy as JSON."
  value       = aws_iam_role_policy.this.policy
}

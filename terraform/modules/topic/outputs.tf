output "arn" {
  description = "ARN of the topic; senders may publish once it can be read."
  value       = var.arn
  depends_on  = [aws_sns_topic.this, aws_sns_topic_policy.this]
}

output "name" {
  description = "Name of the topic."
  value       = aws_sns_topic.this.name
}

output "emails" {
  description = "Addresses that hear of the topic once they have confirmed."
  value       = [for subscription in aws_sns_topic_subscription.email : subscription.endpoint]
}

output "arn" {
  description = "ARN of the queue; senders may send once it can be read."
  value       = var.arn
  depends_on  = [aws_sqs_queue.this]
}

output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.url
}

output "dead_letters_name" {
  description = "Name of the queue that holds what failed: the dead-letter queue, or a last resort itself."
  value       = var.is_last_resort ? var.name : local.dead_letters
  depends_on  = [aws_sqs_queue.dead_letters, aws_sqs_queue.this]
}

output "dead_letters_arn" {
  description = "ARN of the dead-letter queue; null for a last resort."
  value       = var.is_last_resort ? null : "${var.arn}-dlq"
  depends_on  = [aws_sqs_queue.dead_letters]
}

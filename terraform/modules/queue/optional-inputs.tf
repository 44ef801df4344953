variable "is_last_resort" {
  description = "Whether the queue only keeps what failed elsewhere: nobody reads it, so it has no dead-letter queue."
  type        = bool
  default     = false
}

variable "visibility_timeout_seconds" {
  description = "How long a message that is being worked on is hidden, in seconds."
  type        = number
  default     = 360

  validation {
    condition     = var.visibility_timeout_seconds >= 0 && var.visibility_timeout_seconds <= 43200
    error_message = "SQS hides a message for at most 12 hours (43200 seconds)."
  }
}

variable "max_receives" {
  description = "Deliveries of a message before it goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    condition     = var.max_receives >= 5
    error_message = "AWS asks for at least 5 deliveries for a queue that Lambda reads."
  }
}

variable "retention_seconds" {
  description = "How long a message waits at most, in seconds."
  type        = number
  default     = 345600
}

variable "dead_letter_retention_seconds" {
  description = "How long a dead letter is kept, in seconds."
  type        = number
  default     = 1209600

  validation {
    condition     = var.is_last_resort || var.dead_letter_retention_seconds > var.retention_seconds
    error_message = "A dead letter keeps the age that it had: it must be kept longer than a message of the queue."
  }
}

variable "tags" {
  description = "Tags of everything in the module."
  type        = map(string)
  default     = {}
}

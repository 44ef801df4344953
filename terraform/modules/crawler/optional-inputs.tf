variable "schedule" {
  description = "When the crawler starts: Glue's cron expression; null for by hand only."
  type        = string
  default     = null

  validation {
    condition     = var.schedule == null || can(regex("^cron\\(.+\\)$", var.schedule))
    error_message = "A schedule is written cron(minutes hours day-of-month month day-of-week year)."
  }
}

variable "event_queue_arn" {
  description = "Queue of S3's events, for this crawler alone; null to list everything each time."
  type        = string
  default     = null
}

variable "event_queue_dead_letters_arn" {
  description = "Dead-letter queue of that queue."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything in the module."
  type        = map(string)
  default     = {}
}

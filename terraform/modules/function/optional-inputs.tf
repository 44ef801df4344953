variable "failures" {
  description = "ARN of the queue for events that the function failed on; null when it is never called by events."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number
  default     = 90
}

variable "log_level" {
  description = "Lowest level of log lines."
  type        = string
  default     = "INFO"
}

variable "tracing" {
  description = "Whether X-Ray traces the function."
  type        = bool
  default     = true
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

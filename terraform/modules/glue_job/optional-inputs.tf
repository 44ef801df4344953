variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number
  default     = 90
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

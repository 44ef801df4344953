variable "emails" {
  description = "Addresses that get every message; each must confirm once."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "Each entry is one e-mail address."
  }
}

variable "senders" {
  description = <<-EOT
    Services that may publish, each only on behalf of these resources. `account` says whose they are where their ARN does
    not, as a bucket's. EventBridge takes no condition, so it has no `sources`:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
  EOT
  type = list(object({
    sid     = string
    service = string
    sources = list(string)
    account = optional(string)
  }))
  default = []
}

variable "tags" {
  description = "Tags of the topic."
  type        = map(string)
  default     = {}
}

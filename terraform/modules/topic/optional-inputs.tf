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
  description = "Services that may publish, each only on behalf of these resources."
  type = list(object({
    sid     = string
    service = string
    sources = list(string)
  }))
  default = []
}

variable "tags" {
  description = "Tags of the topic."
  type        = map(string)
  default     = {}
}

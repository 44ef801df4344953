variable "source_account" {
  description = "Account that the service must act for; null where the service sends no aws:SourceAccount."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}

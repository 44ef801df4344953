variable "region" {
  description = "Region of everything."
  type        = string
  default     = "eu-central-1"
}

variable "environment" {
  description = "Which deployment this is, such as dev or prod."
  type        = string
}

variable "owner" {
  description = "Who answers for the deployment."
  type        = string
}

variable "support_emails" {
  description = "Addresses that hear of what went wrong."
  type        = list(string)
  default     = []
}

variable "deletion_protection" {
  description = "Whether all of this is kept from being destroyed."
  type        = bool
  default     = true
}

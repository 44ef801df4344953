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

variable "subnet_ids" {
  description = "Private subnets with a way to S3, such as a gateway endpoint."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups of the cluster."
  type        = list(string)
}

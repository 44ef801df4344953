variable "name" {
  description = "Name of the VPC, and the beginning of the names in it."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the endpoints."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "Account that the flow log acts for."
  type        = string
  nullable    = false
}

variable "availability_zones" {
  description = "One private subnet is made in each; Redshift Serverless asks for three."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.availability_zones) >= 2 && length(var.availability_zones) <= 16
    error_message = "2 to 16 availability zones."
  }
}

variable "log_group_arn_prefix" {
  description = "ARN of the account's log groups up to and with `log-group:`."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of the flow log."
  type        = string
  nullable    = false
}

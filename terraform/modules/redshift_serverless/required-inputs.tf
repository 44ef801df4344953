variable "name" {
  description = "Name of the namespace and of the workgroup."
  type        = string
  nullable    = false
}

variable "database" {
  description = "Database that is made with the namespace."
  type        = string
  nullable    = false
}

variable "role_arn" {
  description = "Role of COPY and Spectrum."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Private subnets, in three availability zones."
  type        = list(string)
  nullable    = false
}

variable "security_group_ids" {
  description = "Security groups of the workgroup."
  type        = list(string)
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of the data and of the admin password's secret."
  type        = string
  nullable    = false
}

variable "partition" {
  description = "AWS partition of the account."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the workgroup."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "The account."
  type        = string
  nullable    = false
}

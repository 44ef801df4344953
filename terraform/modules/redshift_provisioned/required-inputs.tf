variable "name" {
  description = "Identifier of the cluster, and name of its groups."
  type        = string
  nullable    = false
}

variable "database" {
  description = "Database that is made with the cluster."
  type        = string
  nullable    = false
}

variable "role_arn" {
  description = "Role of COPY and Spectrum."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
  nullable    = false
}

variable "security_group_ids" {
  description = "Security groups of the cluster."
  type        = list(string)
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of the data and of the admin password's secret."
  type        = string
  nullable    = false
}

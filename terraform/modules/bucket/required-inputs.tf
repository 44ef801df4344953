variable "name" {
  description = "Name of the bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 lower case letters, digits and hyphens."
  }
}

variable "arn" {
  description = "ARN that the bucket will have; known before the bucket is made, so that policies can name it."
  type        = string
  nullable    = false
}

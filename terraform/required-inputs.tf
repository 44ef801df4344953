variable "environment" {
  description = "Which deployment this is, such as dev or prod; the tag Environment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.environment))
    error_message = "2 to 16 lower case letters, digits and hyphens, a letter first."
  }
}

variable "owner" {
  description = "Who answers for the deployment: a team or an address; the tag Owner."
  type        = string
  nullable    = false

  validation {
    condition     = trimspace(var.owner) != ""
    error_message = "Name a team or an address."
  }
}

variable "redshift" {
  description = "The warehouse: `serverless` or `provisioned` is made here, `existing` is made elsewhere (see `existing_warehouse`)."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["serverless", "provisioned", "existing"], var.redshift)
    error_message = "serverless, provisioned or existing."
  }
}

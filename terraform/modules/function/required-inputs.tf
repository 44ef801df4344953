variable "name" {
  description = "Name of the function and of its role."
  type        = string
  nullable    = false
}

variable "arn" {
  description = "ARN that the function will have; known before the function is made, so that policies can name it."
  type        = string
  nullable    = false
}

variable "description" {
  description = "What the function does."
  type        = string
  nullable    = false
}

variable "package" {
  description = "Path of the zip."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.package)
    error_message = "There is no such package: run `make package` first."
  }
}

variable "handler" {
  description = "Handler within the zip."
  type        = string
  nullable    = false
}

variable "runtime" {
  description = "Lambda runtime."
  type        = string
  nullable    = false
}

variable "architecture" {
  description = "arm64 or x86_64; the package is pure Python and runs on both."
  type        = string
  nullable    = false
}

variable "timeout_seconds" {
  description = "Longest time of one invocation, in seconds."
  type        = number
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "Lambda ends a function after 900 seconds."
  }
}

variable "memory_mb" {
  description = "Memory in MB; the share of CPU follows it."
  type        = number
  nullable    = false
}

variable "environment" {
  description = "Environment variables: Sluice's settings."
  type        = map(string)
  nullable    = false
}

variable "statements" {
  description = "What the function may do beside writing logs and traces; see modules/role."
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
    why = optional(string, "")
  }))
  nullable = false
}

variable "log_group_arn_prefix" {
  description = "ARN of the account's log groups up to and with `log-group:`."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of the log group and of the environment variables."
  type        = string
  nullable    = false
}

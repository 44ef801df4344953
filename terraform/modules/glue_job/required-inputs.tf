variable "name" {
  description = "Name of the job and of its role."
  type        = string
  nullable    = false
}

variable "description" {
  description = "What the job does."
  type        = string
  nullable    = false
}

variable "script" {
  description = "s3:// URL of the entry script."
  type        = string
  nullable    = false
}

variable "library" {
  description = "s3:// URL of the zip for --extra-py-files."
  type        = string
  nullable    = false
}

variable "settings" {
  description = "Sluice's settings as JSON, for the argument --settings."
  type        = string
  nullable    = false
}

variable "glue_version" {
  description = "Glue version, a number: `auto` would change the runtime without a deployment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+$", var.glue_version))
    error_message = "Name one version of Glue, such as 6.0."
  }
}

variable "worker_type" {
  description = "Glue worker type."
  type        = string
  nullable    = false
}

variable "workers" {
  description = "Most workers of a run; with more than two, Glue takes only those that it has work for."
  type        = number
  nullable    = false

  validation {
    condition     = var.workers >= 2
    error_message = "A Spark job of Glue has at least 2 workers."
  }
}

variable "timeout_minutes" {
  description = "Longest time of one run, in minutes."
  type        = number
  nullable    = false
}

variable "max_concurrent_runs" {
  description = "Most runs at once."
  type        = number
  nullable    = false
}

variable "max_retries" {
  description = "Glue's own retries; 0, because Sluice retries by batch."
  type        = number
  nullable    = false
}

variable "queuing" {
  description = "Whether runs above a quota wait instead of failing."
  type        = bool
  nullable    = false
}

variable "statements" {
  description = "What the job may do beside writing logs and metrics; see modules/role."
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

variable "region" {
  description = "Region of the buckets."
  type        = string
  nullable    = false
}

variable "s3_arn_prefix" {
  description = "ARN of S3 in this partition, up to the name of a bucket."
  type        = string
  nullable    = false
}

variable "log_group_arn_prefix" {
  description = "ARN of the account's log groups up to and with `log-group:`."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of the log group."
  type        = string
  nullable    = false
}

variable "admin_user" {
  description = "Name of the administrator; the password is made and rotated by AWS."
  type        = string
  default     = "sluice_admin"
}

variable "base_capacity" {
  description = "Redshift processing units (16 GB each) that queries start with. AWS's own default is 128."
  type        = number
  default     = 8

  validation {
    # https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html
    condition     = var.base_capacity == 4 || (var.base_capacity >= 8 && var.base_capacity <= 1024 && var.base_capacity % 8 == 0)
    error_message = "4, or a multiple of 8 from 8 to 1024."
  }
}

variable "max_capacity" {
  description = "Most processing units that it scales to; null for no bound."
  type        = number
  default     = 64

  validation {
    condition     = var.max_capacity == null || try(var.max_capacity >= var.base_capacity && var.max_capacity % 8 == 0, false)
    error_message = "A multiple of 8, not below base_capacity."
  }
}

variable "usage_limits" {
  description = "RPU hours of a period, and what happens when they are used up: log, emit-metric or deactivate."
  type = list(object({
    rpu_hours     = number
    period        = optional(string, "daily")
    breach_action = optional(string, "emit-metric")
  }))
  default = []

  validation {
    condition = alltrue([
      for limit in var.usage_limits :
      contains(["daily", "weekly", "monthly"], limit.period) &&
      contains(["log", "emit-metric", "deactivate"], limit.breach_action) && limit.rpu_hours > 0
    ])
    error_message = "period: daily, weekly or monthly; breach_action: log, emit-metric or deactivate; rpu_hours above 0."
  }

  validation {
    condition = length(distinct([
      for limit in var.usage_limits : "${limit.period}-${limit.breach_action}"
    ])) == length(var.usage_limits)
    error_message = "One limit for each period and breach_action."
  }
}

variable "snapshots" {
  description = "When snapshots are taken (UTC) and how many days they are kept; not enabled: recovery points alone."
  type = object({
    enabled        = optional(bool, true)
    schedule       = optional(string, "cron(0 3 * * ? *)")
    retention_days = optional(number, 7)
  })
  default  = {}
  nullable = false
}

variable "port" {
  description = "Port of the workgroup."
  type        = number
  default     = 5439

  validation {
    condition     = (var.port >= 5431 && var.port <= 5455) || (var.port >= 8191 && var.port <= 8215)
    error_message = "5431 to 5455, or 8191 to 8215."
  }
}

variable "log_retention_days" {
  description = "Days that the warehouse's logs are kept; they hold SQL texts."
  type        = number
  default     = 90
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything in the module."
  type        = map(string)
  default     = {}
}

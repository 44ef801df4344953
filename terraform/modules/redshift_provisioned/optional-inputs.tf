variable "admin_user" {
  description = "Name of the administrator; the password is made and rotated by AWS."
  type        = string
  default     = "sluice_admin"
}

variable "node_type" {
  description = "Node type: one whose data lies in managed storage."
  type        = string
  default     = "ra3.large"

  validation {
    condition     = can(regex("^r(a3|g)\\.", var.node_type))
    error_message = "An RA3 or RG node type, such as ra3.large: relocation and data sharing need managed storage."
  }
}

variable "nodes" {
  description = "Number of nodes."
  type        = number
  default     = 2

  validation {
    condition     = var.nodes >= 1 && floor(var.nodes) == var.nodes
    error_message = "A whole number from 1."
  }
}

variable "queues" {
  description = <<-EOT
    WLM queues in the order in which a query is tried against them: by query group, user group or role. The last one
    has none of these and takes all others.
  EOT
  type = list(object({
    name                = string
    query_groups        = optional(list(string), [])
    user_groups         = optional(list(string), [])
    user_roles          = optional(list(string), [])
    priority            = optional(string, "normal")
    concurrency_scaling = optional(bool, false)
  }))
  default = [
    { name = "load", user_groups = ["sluice"], priority = "high" },
    { name = "readers", concurrency_scaling = true },
  ]

  validation {
    condition = alltrue([
      for queue in var.queues : contains(["highest", "high", "normal", "low", "lowest"], queue.priority)
    ])
    error_message = "priority: highest, high, normal, low or lowest."
  }

  validation {
    condition = length(var.queues) > 0 && try(
      length(concat(
        var.queues[length(var.queues) - 1].query_groups,
        var.queues[length(var.queues) - 1].user_groups,
        var.queues[length(var.queues) - 1].user_roles,
      )) == 0,
      false,
    )
    error_message = "The last queue takes all other queries: it has no query groups, user groups or roles."
  }

  validation {
    condition     = length(var.queues) <= 8
    error_message = "Automatic WLM has at most 8 queues."
  }
}

variable "short_query_acceleration" {
  description = "Whether short queries go before long ones."
  type        = bool
  default     = true
}

variable "max_concurrency_scaling_clusters" {
  description = "Most clusters that concurrency scaling adds."
  type        = number
  default     = 1

  validation {
    condition     = var.max_concurrency_scaling_clusters >= 0 && var.max_concurrency_scaling_clusters <= 10
    error_message = "0 to 10."
  }
}

variable "concurrency_scaling_minutes_per_day" {
  description = "Minutes of concurrency scaling a day before it is switched off; null for no limit. One hour a day is free."
  type        = number
  default     = 60
}

variable "snapshots" {
  description = "Schedule of automated snapshots, and days that automated and manual ones are kept (-1: for ever)."
  type = object({
    schedule                 = optional(string, "rate(8 hours)")
    automated_retention_days = optional(number, 7)
    manual_retention_days    = optional(number, 90)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.snapshots.automated_retention_days >= 1 && var.snapshots.automated_retention_days <= 35
    error_message = "Automated snapshots are kept for 1 to 35 days."
  }
}

variable "skip_final_snapshot" {
  description = "Whether `destroy` deletes the cluster without a last snapshot."
  type        = bool
  default     = false
}

variable "maintenance_window" {
  description = "When AWS may maintain the cluster, in UTC."
  type        = string
  default     = "sun:04:00-sun:04:30"
}

variable "port" {
  description = "Port of the cluster."
  type        = number
  default     = 5439
}

variable "log_retention_days" {
  description = "Days that the warehouse's logs are kept; they hold SQL texts."
  type        = number
  default     = 90
}

variable "tags" {
  description = "Tags of everything in the module."
  type        = map(string)
  default     = {}
}

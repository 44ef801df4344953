variable "name" {
  description = "Name of the role, and of its policy."
  type        = string
  nullable    = false
}

variable "description" {
  description = "Who uses the role and for what."
  type        = string
  nullable    = false
}

variable "services" {
  description = "Service principals that may take the role on."
  type        = list(string)
  nullable    = false
}

variable "statements" {
  description = <<-EOT
    What the role allows. `why` is the written reason for a wildcard: a statement whose action holds a `*`, or whose
    resource is `*`, is refused without one.
  EOT
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

  validation {
    condition = alltrue([
      for statement in var.statements :
      statement.why != "" || !(contains(statement.resources, "*") || strcontains(join(",", statement.actions), "*"))
    ])
    error_message = "A statement with the resource \"*\", or with a wildcard in an action, needs its reason in `why`."
  }

  validation {
    condition = alltrue([
      for statement in var.statements : length(statement.actions) > 0 && length(statement.resources) > 0
    ])
    error_message = "A statement names at least one action and one resource."
  }

  validation {
    condition     = length(distinct(var.statements[*].sid)) == length(var.statements)
    error_message = "Each statement has a sid of its own."
  }

  validation {
    condition = alltrue([
      for statement in var.statements : length(distinct(statement.conditions[*].test)) == length(statement.conditions)
    ])
    error_message = "A statement has one condition for each test."
  }
}

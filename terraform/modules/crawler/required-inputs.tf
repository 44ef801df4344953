variable "name" {
  description = "Name of the crawler and of its role."
  type        = string
  nullable    = false
}

variable "description" {
  description = "What the crawler looks at."
  type        = string
  nullable    = false
}

variable "database" {
  description = "Catalog database of the tables."
  type        = string
  nullable    = false
}

variable "tables" {
  description = "Tables to crawl; all of one bucket."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.tables) > 0
    error_message = "A crawler has at least one table."
  }
}

variable "catalog_arns" {
  description = "ARNs of the catalog, the database and the tables."
  type        = list(string)
  nullable    = false
}

variable "bucket_arn" {
  description = "ARN of the tables' bucket."
  type        = string
  nullable    = false
}

variable "prefixes" {
  description = "Folders of the tables, each with a slash at its end."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for prefix in var.prefixes : endswith(prefix, "/")])
    error_message = "A folder ends with a slash, so that it is not a prefix of another."
  }
}

variable "kms_key_arn" {
  description = "Key of the objects."
  type        = string
  nullable    = false
}

variable "log_group_arn_prefix" {
  description = "ARN of the account's log groups up to and with `log-group:`."
  type        = string
  nullable    = false
}

variable "configuration" {
  description = "Glue's configuration of the crawler, as JSON."
  type        = string
  nullable    = false

  validation {
    condition     = can(jsondecode(var.configuration))
    error_message = "The configuration is a JSON text."
  }
}

variable "recrawl_behavior" {
  description = "Which folders are looked at again: CRAWL_EVERYTHING, CRAWL_NEW_FOLDERS_ONLY or CRAWL_EVENT_MODE."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["CRAWL_EVERYTHING", "CRAWL_NEW_FOLDERS_ONLY", "CRAWL_EVENT_MODE"], var.recrawl_behavior)
    error_message = "A recrawl behavior is CRAWL_EVERYTHING, CRAWL_NEW_FOLDERS_ONLY or CRAWL_EVENT_MODE."
  }
}

variable "update_behavior" {
  description = "What becomes of a table whose files have other columns: LOG or UPDATE_IN_DATABASE."
  type        = string
  nullable    = false
}

variable "delete_behavior" {
  description = "What becomes of tables without files; over catalog tables only LOG."
  type        = string
  nullable    = false

  validation {
    # https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html
    condition     = var.delete_behavior == "LOG"
    error_message = "A crawler over catalog tables deletes nothing: LOG."
  }
}

# Names

variable "name" {
  description = "Beginning of every name. Two deployments in one account and region have different ones."
  type        = string
  default     = "sluice"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "3 to 20 lower case letters, digits and hyphens, a letter first and no hyphen last."
  }
}

variable "bucket_names" {
  description = "Names of the buckets; a name that is left out is made of `name`, the account and the region."
  type = object({
    raw       = optional(string)
    processed = optional(string)
    logs      = optional(string)
  })
  default  = {}
  nullable = false
}

variable "source_writers" {
  description = <<-EOT
    Who may write raw files: by dataset, ARNs of the roles or users that may put objects into its folder of the raw bucket,
    and encrypt them; nothing else is granted to them. Principals of another account need it in their own policy too.
    Datasets that are left out get their writers from policies of yours.
  EOT
  type        = map(list(string))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for arn in flatten(values(var.source_writers)) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user|root)", arn))
    ])
    error_message = "Writers are ARNs of IAM: roles, users, or the root of an account."
  }
}

variable "tags" {
  description = "More tags for everything; Environment, Application and Owner are always there."
  type        = map(string)
  default     = {}
  nullable    = false
}

# What is deployed

variable "contracts_folder" {
  description = "Folder of the contracts, one YAML file per dataset; null for contracts/ of this repository."
  type        = string
  default     = null
}

variable "packages_folder" {
  description = "Folder that `make package` wrote; null for dist/ of this repository."
  type        = string
  default     = null
}

variable "max_attempts" {
  description = "Runs that a batch gets in each stage before it is FAILED."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.max_attempts >= 1 && floor(var.max_attempts) == var.max_attempts
    error_message = "A whole number of at least 1."
  }
}

variable "max_batches_per_run" {
  description = "Most batches that one run takes; no run takes more than 2,000, which its claim in the ledger has room for."
  type        = number
  default     = 500
  nullable    = false

  validation {
    condition     = var.max_batches_per_run >= 1 && var.max_batches_per_run <= 2000 && floor(var.max_batches_per_run) == var.max_batches_per_run
    error_message = "A whole number from 1 to 2000."
  }
}

variable "max_files_per_run" {
  description = "Most raw files that one run takes; a batch that has more runs alone."
  type        = number
  default     = 20000
  nullable    = false

  validation {
    condition     = var.max_files_per_run >= 1 && floor(var.max_files_per_run) == var.max_files_per_run
    error_message = "A whole number of at least 1."
  }
}

variable "spark_from_bytes" {
  description = "From this sum of its raw files' bytes (of plain CSV, or what is as much work in another form) on Spark distributes a conversion; a smaller one is converted by the job's driver alone."
  type        = number
  default     = 536870912
  nullable    = false

  validation {
    condition     = var.spark_from_bytes >= 1 && floor(var.spark_from_bytes) == var.spark_from_bytes
    error_message = "A whole number of bytes, at least 1."
  }
}

variable "replaced_grace_seconds" {
  description = "How long the files of a replaced partition stay for queries that have begun."
  type        = number
  default     = 86400
  nullable    = false

  validation {
    # A folder of a run that is still writing must not be taken for one of a run that died.
    condition     = var.replaced_grace_seconds >= 7200
    error_message = "At least 7200: twice the time that a conversion may take."
  }
}

variable "retry_delay_seconds" {
  description = "Seconds that a batch waits after its first failed run, and twice as long after each further one; 0 for none."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.retry_delay_seconds >= 0
    error_message = "A number of seconds of at least 0."
  }
}

variable "give_up_after_seconds" {
  description = "Seconds that a batch waits for something that its runs need and that is away, until it is FAILED."
  type        = number
  default     = 86400
  nullable    = false

  validation {
    condition     = var.give_up_after_seconds >= 0
    error_message = "A number of seconds of at least 0."
  }
}

variable "file_wait_seconds" {
  description = "Seconds that a manifest waits for files that are not there, or to be readable itself, until it is REJECTED; 0 for none."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.file_wait_seconds >= 0
    error_message = "A number of seconds of at least 0."
  }
}

variable "max_ahead_seconds" {
  description = "How many seconds ahead of now a partition may begin; the manifest of one that begins later is REJECTED."
  type        = number
  default     = 86400
  nullable    = false

  validation {
    condition     = var.max_ahead_seconds >= 0
    error_message = "A number of seconds of at least 0."
  }
}

variable "reconcile_seconds" {
  description = "Seconds from one search of the raw bucket for manifests of which no event came to the next; 0 for each sweep."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition     = var.reconcile_seconds >= 0
    error_message = "A number of seconds of at least 0."
  }
}

variable "notifications" {
  description = <<-TEXT
    How manifests are announced. `own`: the raw bucket tells the queue itself. The others leave the bucket's notification, of
    which there is one, to somebody else: `sns`: it tells a topic (`notification_topic_arn`); `eventbridge`: it tells
    EventBridge; `none`: somebody sends S3's events to the queue.
  TEXT
  type        = string
  default     = "own"
  nullable    = false

  validation {
    condition     = contains(["own", "sns", "eventbridge", "none"], var.notifications)
    error_message = "One of own, sns, eventbridge and none."
  }
}

variable "notification_topic_arn" {
  description = "With `notifications = \"sns\"`: the topic that the raw bucket tells of its objects."
  type        = string
  default     = null

  validation {
    condition     = (var.notifications == "sns") == (var.notification_topic_arn != null)
    error_message = "Goes with notifications = \"sns\", and with nothing else."
  }
}

variable "announce_arrivals" {
  description = "Whether the business topic hears of every manifest that arrives."
  type        = bool
  default     = false
  nullable    = false
}

variable "convert_workers" {
  description = "Most workers of one conversion run; null for the number in stack.json."
  type        = number
  default     = null
}

variable "log_level" {
  description = "Lowest level of the functions' log lines."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "DEBUG, INFO, WARNING or ERROR."
  }
}

# Warehouse

variable "warehouse_database" {
  description = "Database in the warehouse."
  type        = string
  default     = "warehouse"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]{0,63}$", var.warehouse_database))
    error_message = "1 to 64 lower case letters, digits and underscores, no digit first."
  }
}

variable "warehouse_schemas" {
  description = "Schemas of the target tables, of the external tables over the processed files, and of the aggregates."
  type = object({
    tables     = optional(string, "public")
    spectrum   = optional(string, "spectrum")
    aggregates = optional(string, "aggregates")
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for schema in values(var.warehouse_schemas) : can(regex("^[a-z_][a-z0-9_]{0,126}$", schema))
    ])
    error_message = "A schema has lower case letters, digits and underscores, no digit first."
  }

  validation {
    condition     = length(distinct(values(var.warehouse_schemas))) == 3
    error_message = "The three schemas have different names."
  }
}

variable "warehouse_readers" {
  description = "Database users that may read the tables, the published files and the aggregates, such as `IAMR:analysts`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for reader in var.warehouse_readers : can(regex("^[A-Za-z0-9_+=,.@:-]{1,127}$", reader))])
    error_message = "Names of database users: letters, digits and _+=,.@:- only."
  }
}

variable "serverless" {
  description = "Redshift Serverless, when `redshift` is serverless; see modules/redshift_serverless."
  type = object({
    base_capacity = optional(number, 8)
    max_capacity  = optional(number, 64)
    usage_limits = optional(list(object({
      rpu_hours     = number
      period        = optional(string, "daily")
      breach_action = optional(string, "emit-metric")
      })), [
      # 8 RPU the whole day; it only tells.
      { rpu_hours = 192 },
    ])
    snapshots = optional(object({
      enabled        = optional(bool, true)
      schedule       = optional(string, "cron(0 3 * * ? *)")
      retention_days = optional(number, 7)
    }), {})
  })
  default  = {}
  nullable = false
}

variable "provisioned" {
  description = "The cluster, when `redshift` is provisioned; see modules/redshift_provisioned."
  type = object({
    node_type                = optional(string, "ra3.large")
    nodes                    = optional(number, 2)
    short_query_acceleration = optional(bool, true)
    queues = optional(list(object({
      name                = string
      query_groups        = optional(list(string), [])
      user_groups         = optional(list(string), [])
      user_roles          = optional(list(string), [])
      priority            = optional(string, "normal")
      concurrency_scaling = optional(bool, false)
      })), [
      # Loads go first, readers may use more clusters. The owner of the tables is a member of the group sluice.
      { name = "load", user_groups = ["sluice"], priority = "high" },
      { name = "readers", concurrency_scaling = true },
    ])
    max_concurrency_scaling_clusters    = optional(number, 1)
    concurrency_scaling_minutes_per_day = optional(number, 60)
    snapshots = optional(object({
      schedule                 = optional(string, "rate(8 hours)")
      automated_retention_days = optional(number, 7)
      manual_retention_days    = optional(number, 90)
    }), {})
    final_snapshot     = optional(bool, true)
    maintenance_window = optional(string, "sun:04:00-sun:04:30")
  })
  default  = {}
  nullable = false
}

variable "existing_warehouse" {
  description = <<-EOT
    The warehouse, when `redshift` is existing: a workgroup or a cluster, its ARN, the secret of the user who is to own
    Sluice's schemas and tables (one who may create schemas, external schemas and users and grant rights; the bootstrap
    alone comes in as this user), and the role of COPY and Spectrum (`default` for the warehouse's own default role). `secret_key` is the ARN of the secret's KMS key, if it
    has one that is not AWS's.
  EOT
  type = object({
    workgroup  = optional(string, "")
    cluster    = optional(string, "")
    arn        = string
    secret_arn = string
    secret_key = optional(string)
    copy_role  = optional(string, "default")
  })
  default = null

  validation {
    condition     = var.redshift != "existing" || var.existing_warehouse != null
    error_message = "redshift = \"existing\" needs existing_warehouse."
  }

  validation {
    condition = var.existing_warehouse == null || try(
      (var.existing_warehouse.workgroup == "") != (var.existing_warehouse.cluster == ""),
      false,
    )
    error_message = "Name a workgroup or a cluster, one of the two."
  }

  validation {
    # What the Data API is authorised on: a workgroup by its id, which is not its name, and a cluster by its identifier.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshiftdataapi.html
    condition = var.existing_warehouse == null || try(
      var.existing_warehouse.cluster == ""
      ? can(regex("^arn:aws:redshift-serverless:[a-z0-9-]+:[0-9]{12}:workgroup/[0-9a-f-]{36}$", var.existing_warehouse.arn))
      : can(regex("^arn:aws:redshift:[a-z0-9-]+:[0-9]{12}:cluster:${var.existing_warehouse.cluster}$", var.existing_warehouse.arn)),
      false,
    )
    error_message = "arn is that of the workgroup (it ends in workgroup/ and an id, not the name) or of the cluster (cluster:<identifier>)."
  }
}

variable "network" {
  description = <<-EOT
    Private subnets and security groups for a warehouse that is made here. Left out: a VPC of its own is made, with
    `cidr_block` and open to `client_cidr_blocks` alone.
  EOT
  type = object({
    subnet_ids          = optional(list(string))
    security_group_ids  = optional(list(string))
    cidr_block          = optional(string, "10.90.0.0/20")
    client_cidr_blocks  = optional(list(string), [])
    interface_endpoints = optional(list(string), ["glue"])
  })
  default  = {}
  nullable = false

  validation {
    condition     = (var.network.subnet_ids == null) == (var.network.security_group_ids == null)
    error_message = "Give subnet_ids and security_group_ids together, or neither."
  }
}

# Keys, retention, protection

variable "kms_key_arn" {
  description = "Key of everything that is stored; null: one is made. A key of yours needs the statements of kms.tf in its policy."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds every role; null for none."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = <<-EOT
    Whether all of this is kept from being destroyed, and buckets, key, ledger and warehouse from being replaced. To
    give the data up, apply `false` by itself first.
  EOT
  type        = bool
  default     = true
  nullable    = false
}

variable "retention_days" {
  description = <<-EOT
    Days that things are kept. `noncurrent`: versions that were replaced or deleted. `archive_to_cheaper`: archived raw
    files before they move to Glacier Instant Retrieval, from where a replay still reads them at once. `runs`: inputs and
    outcomes of runs, and what the ledger knows of runs and raw files. `query_results`: Athena's results.
  EOT
  type = object({
    logs               = optional(number, 90)
    access_logs        = optional(number, 90)
    noncurrent         = optional(number, 30)
    archive_to_cheaper = optional(number, 30)
    runs               = optional(number, 365)
    query_results      = optional(number, 7)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for days in values(var.retention_days) : days >= 1 && floor(days) == days])
    error_message = "Whole numbers of days, at least 1."
  }

  validation {
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.retention_days.logs,
    )
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096 … days."
  }
}

# Operations

variable "emails" {
  description = "Addresses that hear of loads (`business`) and of what went wrong (`support`); each must confirm once."
  type = object({
    business = optional(list(string), [])
    support  = optional(list(string), [])
  })
  default  = {}
  nullable = false
}

variable "tracing" {
  description = "Whether X-Ray traces the functions and the state machine."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_queries" {
  description = "Whether questions to the logs are saved in Logs Insights."
  type        = bool
  default     = true
  nullable    = false
}

variable "crawlers" {
  description = <<-EOT
    Crawlers over the raw and the processed tables: whether there are any, and when they start, in UTC; stack.json says
    when by default. Sluice registers its partitions itself; crawlers find what somebody else put there, and drift. Each
    crawl costs at least ten minutes.
  EOT
  type = object({
    raw                = optional(bool, true)
    processed          = optional(bool, true)
    raw_schedule       = optional(string)
    processed_schedule = optional(string)
  })
  default  = {}
  nullable = false
}

variable "partition_indexes" {
  description = "Whether the catalog's tables get an index of their partitions, so that look-ups stay fast with many."
  type        = bool
  default     = true
  nullable    = false
}

variable "athena_scan_limit_bytes" {
  description = "Bytes that one Athena query may scan before it is stopped."
  type        = number
  default     = 107374182400
  nullable    = false

  validation {
    condition     = var.athena_scan_limit_bytes >= 10000000
    error_message = "Athena's limit is at least 10000000 bytes."
  }
}

variable "alarms" {
  description = <<-EOT
    When alarms go off. `freshness_seconds`: from the manifest to rows that can be queried. `quarantine_share`: quarantined
    of all records of a dataset within an hour. `error_share`: failed of all invocations of a function. `duration_seconds`:
    longest run of a dataset.
  EOT
  type = object({
    freshness_seconds = optional(number, 3600)
    quarantine_share  = optional(number, 0.05)
    error_share       = optional(number, 0.05)
    duration_seconds  = optional(number, 2700)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alarms.quarantine_share > 0 && var.alarms.quarantine_share <= 1 && var.alarms.error_share > 0 && var.alarms.error_share <= 1
    error_message = "A share is above 0 and at most 1."
  }
}

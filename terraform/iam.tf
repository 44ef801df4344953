# Who may do what. Each function, job and machine has a role of its own (in its module); what they have in common is
# written here once. The lists follow the API calls that the code makes.
locals {
  grant = {
    key = [
      { sid = "Key", actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [local.kms_key_arn] },
    ]

    ledger = [
      {
        sid = "Ledger"
        actions = [
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:UpdateItem",
        ]
        resources = [local.ledger_arn]
      },
    ]

    # How each file did is written when a claim is closed.
    file_counts = [
      { sid = "FileCounts", actions = ["dynamodb:BatchWriteItem"], resources = [local.ledger_arn] },
    ]

    # The documents that the parts hand each other. Whether one is missing shows only to those who may list: S3 answers
    # 403 instead of 404 otherwise, https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    # The code of the jobs lies beside them, and nobody who hands documents over may write it.
    documents = {
      for part, folders in {
        on-manifest   = { read = ["manifests"], write = ["manifests", "runs"] }
        archive       = { read = ["manifests"], write = ["manifests", "runs"] }
        on-job-change = { read = ["manifests", "runs"], write = ["loads", "manifests", "runs"] }
        sweep         = { read = ["loads", "manifests", "runs"], write = ["loads", "manifests", "runs"] }
        load-step     = { read = ["loads", "manifests", "runs"], write = ["loads", "manifests", "runs"] }
        convert       = { read = ["manifests", "runs"], write = ["runs"] }
        load          = { read = ["loads"], write = ["loads"] }
        } : part => [
        {
          sid       = "ReadDocuments"
          actions   = ["s3:GetObject"]
          resources = [for folder in folders.read : "${local.bucket_arns.processed}/_sluice/${folder}/*"]
        },
        {
          sid       = "WriteDocuments"
          actions   = ["s3:PutObject"]
          resources = [for folder in folders.write : "${local.bucket_arns.processed}/_sluice/${folder}/*"]
        },
        { sid = "MissingDocuments", actions = ["s3:ListBucket"], resources = [local.bucket_arns.processed] },
      ]
    }

    # A conversion is started with its raw partitions as the catalog shall show them, wherever its files are by now.
    start_conversion = concat(
      # A start whose answer was lost is looked for.
      [
        {
          sid       = "StartConversion"
          actions   = ["glue:GetJobRuns", "glue:StartJobRun"]
          resources = [local.job_arns.convert]
        },
      ],
      [merge(local.register_partitions, { sid = "RawPartitions", resources = local.catalog_arns.raw })],
      local.raw_files,
    )
    start_load = [
      { sid = "StartLoad", actions = ["states:StartExecution"], resources = [local.machine_arn] },
    ]

    notices = [
      { sid = "Notices", actions = ["sns:Publish"], resources = values(local.topic_arns) },
    ]

    # Business hears of arrivals and of loads; everything else is support's.
    support_notices = [
      { sid = "Notices", actions = ["sns:Publish"], resources = [local.topic_arns.support] },
    ]

    failed_events = [
      { sid = "FailedEvents", actions = ["sqs:SendMessage"], resources = [local.queue_arns.events] },
    ]
  }

  # The manifest that was announced, and the files that are copied, are read as the versions that they were.
  raw_versions = [
    { sid = "RawVersions", actions = ["s3:GetObjectVersion"], resources = ["${local.bucket_arns.raw}/*"] },
  ]
  raw_files = [
    { sid = "RawFiles", actions = ["s3:GetObject"], resources = ["${local.bucket_arns.raw}/*"] },
    { sid = "MissingRawFiles", actions = ["s3:ListBucket"], resources = [local.bucket_arns.raw] },
  ]

  processed_partitions = merge(local.register_partitions, {
    sid       = "ProcessedPartitions"
    resources = local.catalog_arns.processed
  })

  # Folders of runs that were replaced or died, and the notes that lead to them.
  replaced_files = [
    {
      sid       = "ReplacedFiles"
      actions   = ["s3:DeleteObject"]
      resources = [for folder in ["_sluice/replaced", "table-files"] : "${local.bucket_arns.processed}/${folder}/*"]
    },
    { sid = "ReplacedNotes", actions = ["s3:GetObject"], resources = ["${local.bucket_arns.processed}/_sluice/replaced/*"] },
  ]

  register_partitions = {
    actions = [
      "glue:BatchCreatePartition",
      "glue:BatchGetPartition",
      "glue:BatchUpdatePartition",
      "glue:GetTable",
    ]
  }

  # Glue decides on a partition by the rights on the catalog, its database and its table.
  catalog_arns = {
    for zone, database in local.databases : zone => [
      "${local.arn_prefix.glue}:catalog",
      "${local.arn_prefix.glue}:database/${database}",
      "${local.arn_prefix.glue}:table/${database}/*",
    ]
  }

  # The warehouse, through the Data API.
  warehouse_run = {
    sid       = "WarehouseRun"
    actions   = ["redshift-data:BatchExecuteStatement", "redshift-data:ExecuteStatement"]
    resources = [local.warehouse_arn]
  }
  warehouse_follow = {
    sid       = "WarehouseFollow"
    actions   = ["redshift-data:CancelStatement", "redshift-data:DescribeStatement", "redshift-data:GetStatementResult"]
    resources = ["*"]
    conditions = [
      { test = "StringEquals", variable = "redshift-data:statement-owner-iam-userid", values = ["$${aws:userid}"] },
    ]
    why = "A statement is not a resource of IAM; the condition leaves the caller its own."
  }
  # Each part enters as the database user of its own role, whose rights the bootstrap gives: `IAMR:` and the role's name.
  # https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html
  warehouse_enter = [
    {
      sid       = "WarehouseEnter"
      actions   = [local.cluster == "" ? "redshift-serverless:GetCredentials" : "redshift:GetClusterCredentialsWithIAM"]
      resources = [local.cluster == "" ? local.warehouse_arn : local.warehouse_database_arn]
    },
  ]
  # The bootstrap alone enters as the administrator. Redshift's own administrator secret has its key.
  warehouse_administer = concat(
    [{ sid = "WarehouseAdminister", actions = ["secretsmanager:GetSecretValue"], resources = [local.warehouse_secret_arn] }],
    [
      for key in local.secret_keys : { sid = "WarehouseSecretKey", actions = ["kms:Decrypt"], resources = [key] }
    ],
  )
  secret_keys = var.redshift == "existing" ? compact([try(var.existing_warehouse.secret_key, "")]) : []

  function_grants = {
    on-manifest = concat(
      local.grant.key,
      local.grant.ledger,
      local.grant.documents.on-manifest,
      local.grant.start_conversion,
      local.raw_versions,
      local.grant.notices,
      [
        {
          sid = "ManifestEvents"
          actions = [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
          ]
          resources = [local.queue_arns.manifests]
        },
      ],
    )
    on-job-change = concat(
      local.grant.key,
      local.grant.ledger,
      local.grant.file_counts,
      local.grant.documents.on-job-change,
      local.grant.start_conversion,
      local.grant.start_load,
      local.grant.support_notices,
      local.grant.failed_events,
      [
        { sid = "Runs", actions = ["glue:GetJobRun"], resources = [local.job_arns.convert] },
      ],
    )
    sweep = concat(
      local.grant.key,
      local.grant.ledger,
      local.grant.file_counts,
      local.grant.documents.sweep,
      local.grant.start_conversion,
      local.grant.start_load,
      local.raw_versions,
      local.grant.notices,
      local.grant.failed_events,
      local.replaced_files,
      [
        local.processed_partitions,
        { sid = "RecentBatches", actions = ["dynamodb:Query"], resources = ["${local.ledger_arn}/index/by_dataset"] },
        {
          sid       = "FindPartitions"
          actions   = ["glue:GetPartitions"]
          resources = concat(local.catalog_arns.raw, local.catalog_arns.processed)
        },
        { sid = "Runs", actions = ["glue:GetJobRun"], resources = [local.job_arns.convert] },
        {
          sid       = "Executions"
          actions   = ["states:DescribeExecution", "states:RedriveExecution"]
          resources = [local.execution_arn]
        },
      ],
    )
    load-step = concat(
      local.grant.key,
      local.grant.ledger,
      local.grant.documents.load-step,
      local.grant.start_conversion,
      local.grant.start_load,
      local.grant.notices,
    )
    archive = concat(
      local.grant.key,
      local.grant.ledger,
      local.grant.documents.archive,
      local.grant.start_conversion,
      local.raw_versions,
      local.grant.support_notices,
      [
        {
          sid       = "ReadTags"
          actions   = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
          resources = ["${local.bucket_arns.raw}/*"]
        },
        {
          sid       = "CopyToArchive"
          actions   = ["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectTagging"]
          resources = ["${local.bucket_arns.raw}/archive/*"]
        },
        {
          sid       = "DeleteWhatWasCopied"
          actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
          resources = ["${local.bucket_arns.raw}/*"]
        },
      ],
    )
    sync-schema = concat(
      local.grant.key,
      local.grant.support_notices,
      local.grant.failed_events,
      [local.warehouse_run, local.warehouse_follow],
      local.warehouse_enter,
      [
        { sid = "Crawlers", actions = ["glue:GetCrawler"], resources = ["${local.arn_prefix.glue}:crawler/${var.name}-*"] },
        {
          sid       = "Tables"
          actions   = ["glue:GetPartitions", "glue:GetTable", "glue:UpdateTable"]
          resources = concat(local.catalog_arns.raw, local.catalog_arns.processed)
        },
        {
          sid       = "LookIntoFiles"
          actions   = ["s3:GetObject"]
          resources = ["${local.bucket_arns.processed}/*", "${local.bucket_arns.raw}/*"]
        },
        {
          sid       = "ListFiles"
          actions   = ["s3:ListBucket"]
          resources = [local.bucket_arns.processed, local.bucket_arns.raw]
        },
        {
          sid       = "Reports"
          actions   = ["s3:PutObject"]
          resources = ["${local.bucket_arns.processed}/_sluice/drift/*"]
        },
      ],
    )
    bootstrap = concat(
      [{ sid = "Key", actions = ["kms:Decrypt"], resources = [local.kms_key_arn] }],
      [merge(local.warehouse_run, { actions = ["redshift-data:ExecuteStatement"] }), local.warehouse_follow],
      local.warehouse_administer,
    )
  }

  job_grants = {
    convert = concat(
      local.grant.key,
      local.grant.documents.convert,
      [
        {
          sid       = "ReadRaw"
          actions   = ["s3:GetObject"]
          resources = ["${local.bucket_arns.raw}/*"]
        },
        {
          sid       = "Publish"
          actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
          resources = ["${local.bucket_arns.processed}/table-files/*"]
        },
        {
          sid       = "ReplacedNotes"
          actions   = ["s3:PutObject"]
          resources = ["${local.bucket_arns.processed}/_sluice/replaced/*"]
        },
        # Without it S3 says 403 of a raw file that is gone.
        { sid = "MissingRawFiles", actions = ["s3:ListBucket"], resources = [local.bucket_arns.raw] },
        {
          sid       = "FindPartitions"
          actions   = ["glue:GetPartitions"]
          resources = local.catalog_arns.raw
        },
        # It switches them without a look at what they were.
        merge(local.processed_partitions, {
          actions = ["glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:GetTable"]
        }),
      ],
    )
    load = concat(
      local.grant.key,
      local.grant.documents.load,
      [local.warehouse_run, local.warehouse_follow],
      local.warehouse_enter,
    )
  }
}

locals {
  # COPY reads published files by a load's manifest, Spectrum reads them by the catalog.
  warehouse_reads = [
    { sid = "Decrypt", actions = ["kms:Decrypt"], resources = [local.kms_key_arn] },
    { sid = "Read", actions = ["s3:GetObject"], resources = ["${local.bucket_arns.processed}/*"] },
    { sid = "List", actions = ["s3:GetBucketLocation", "s3:ListBucket"], resources = [local.bucket_arns.processed] },
    {
      sid = "Catalog"
      actions = [
        "glue:BatchGetPartition",
        "glue:GetDatabase",
        "glue:GetDatabases",
        "glue:GetPartition",
        "glue:GetPartitions",
        "glue:GetTable",
        "glue:GetTables",
      ]
      resources = local.catalog_arns.processed
    },
  ]
}

# A warehouse that exists already has its own role, and gets this one's policy from the output `warehouse_reads`.
module "warehouse_role" {
  source = "./modules/role"
  count  = var.redshift == "existing" ? 0 : 1

  name        = "${var.name}-warehouse"
  description = "COPY and Spectrum of warehouse ${var.name}"
  services    = ["redshift.${local.dns_suffix}", "redshift-serverless.${local.dns_suffix}"]
  # https://docs.aws.amazon.com/redshift/latest/mgmt/cross-service-confused-deputy-prevention.html
  source_account       = local.account
  permissions_boundary = var.permissions_boundary
  tags                 = local.tags
  statements           = local.warehouse_reads
}

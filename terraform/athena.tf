# Athena for people: a bound on what one query may scan, results that go away, and queries to start from.
resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "Queries on Sluice's tables"
  force_destroy = !var.deletion_protection
  tags          = local.tags

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_limit_bytes

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${module.processed_bucket.name}/_sluice/athena/"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = local.kms_key_arn
      }
    }
  }
}

locals {
  # By name: what it answers, and the query for one table.
  published = {
    for key, entry in local.catalog.tables : entry.table.Name => entry
    if entry.zone == "processed" && !endswith(entry.table.Name, "_quarantine")
  }
  quarantines = {
    for key, entry in local.catalog.tables : entry.table.Name => entry
    if entry.zone == "processed" && endswith(entry.table.Name, "_quarantine")
  }
}

# The analysis queries of docs/queries.md, as `sluice query athena` runs them.
resource "aws_athena_named_query" "analysis" {
  for_each = local.catalog.queries

  name        = each.value.title
  description = each.value.question
  workgroup   = aws_athena_workgroup.this.id
  database    = aws_glue_catalog_database.this["processed"].name
  query       = replace(each.value.sql, "{{database}}", local.names.processed_database)
}

resource "aws_athena_named_query" "newest" {
  for_each = local.published

  name        = "${each.key}: rows of the last day"
  description = "Published rows by partition, the last day that has any"
  workgroup   = aws_athena_workgroup.this.id
  database    = aws_glue_catalog_database.this["processed"].name
  query       = <<-SQL
    SELECT ${join(", ", each.value.table.PartitionKeys[*].Name)}, count(*) AS row_count, count(DISTINCT _batch_id) AS batches
    FROM "${each.key}"
    WHERE year || month || day = (SELECT max(year || month || day) FROM "${each.key}$partitions")
    GROUP BY ${join(", ", each.value.table.PartitionKeys[*].Name)}
    ORDER BY ${join(", ", each.value.table.PartitionKeys[*].Name)}
  SQL
}

resource "aws_athena_named_query" "quarantine" {
  for_each = local.quarantines

  name        = "${each.key}: reasons"
  description = "Why records were quarantined, most frequent reason first"
  workgroup   = aws_athena_workgroup.this.id
  database    = aws_glue_catalog_database.this["processed"].name
  query       = <<-SQL
    SELECT reason, count(*) AS records, min(source_file) AS example_file
    FROM "${each.key}"
    CROSS JOIN UNNEST(reasons) AS listed (reason)
    WHERE year || month || day >= date_format(current_date - INTERVAL '7' DAY, '%Y%m%d')
    GROUP BY reason
    ORDER BY records DESC
  SQL
}

# The Data Catalog, from the document that `make package` makes of the contracts. sluice/lake/catalog_tables.py is the one
# definition of a table: what is here only hands it to Glue.
resource "aws_glue_catalog_database" "this" {
  for_each = local.databases

  name        = each.value
  description = each.key == "raw" ? "Raw files, by dataset" : "Published Parquet files and quarantined records"
  tags        = local.tags

  depends_on = [terraform_data.packages]
}

resource "aws_glue_catalog_table" "this" {
  for_each = local.catalog.tables

  database_name = aws_glue_catalog_database.this[each.value.zone].name
  name          = each.value.table.Name
  description   = each.value.table.Description
  table_type    = each.value.table.TableType
  parameters    = merge(each.value.table.Parameters, var.partition_indexes ? {} : { "partition_filtering.enabled" = "false" })

  dynamic "partition_keys" {
    for_each = each.value.table.PartitionKeys

    content {
      name = partition_keys.value.Name
      type = partition_keys.value.Type
    }
  }

  storage_descriptor {
    location      = "s3://${local.buckets[each.value.zone]}/${each.value.path}"
    input_format  = each.value.table.StorageDescriptor.InputFormat
    output_format = each.value.table.StorageDescriptor.OutputFormat

    ser_de_info {
      serialization_library = each.value.table.StorageDescriptor.SerdeInfo.SerializationLibrary
      parameters            = try(each.value.table.StorageDescriptor.SerdeInfo.Parameters, null)
    }

    dynamic "columns" {
      for_each = each.value.table.StorageDescriptor.Columns

      content {
        name    = columns.value.Name
        type    = columns.value.Type
        comment = try(columns.value.Comment, null)
      }
    }
  }

  lifecycle {
    # What crawlers note on the tables that they have looked at.
    ignore_changes = [
      parameters["CrawlerSchemaDeserializerVersion"],
      parameters["CrawlerSchemaSerializerVersion"],
      parameters["UPDATED_BY_CRAWLER"],
      parameters["averageRecordSize"],
      parameters["objectCount"],
      parameters["recordCount"],
      parameters["sizeKey"],
      parameters["typeOfData"],
    ]
  }
}

# Look-ups name the year first, so one index over all keys serves them all.
# Source: https://docs.aws.amazon.com/glue/latest/dg/partition-indexes.html
resource "aws_glue_partition_index" "this" {
  for_each = { for key, entry in local.catalog.tables : key => entry if var.partition_indexes }

  database_name = aws_glue_catalog_database.this[each.value.zone].name
  table_name    = aws_glue_catalog_table.this[each.key].name

  partition_index {
    index_name = local.catalog.partition_index
    keys       = each.value.table.PartitionKeys[*].Name
  }
}

# One page for everything, and questions to the logs.
locals {
  widgets = [
    { title = "Files", metric = "FilesProcessed", stat = "Sum" },
    { title = "Bytes", metric = "BytesProcessed", stat = "Sum" },
    { title = "Rows published", metric = "RowsPublished", stat = "Sum" },
    { title = "Rows quarantined", metric = "RowsQuarantined", stat = "Sum" },
    { title = "Conversions by Spark", metric = "ConvertedBySpark", stat = "Sum" },
    { title = "Rows loaded", metric = "DataRowsLoaded", stat = "Sum" },
    { title = "Errors", metric = "ProcessingErrors", stat = "Sum" },
    { title = "Longest run (s)", metric = "ExecutionDuration", stat = "Maximum" },
    { title = "Freshness (s)", metric = "FreshnessSeconds", stat = "Maximum" },
    { title = "Notifications not sent", metric = "NotificationsFailed", stat = "Sum" },
    { title = "Manifests without an event", metric = "ManifestsFound", stat = "Sum" },
    { title = "Breaking differences", metric = "BreakingDifferences", stat = "Maximum" },
    { title = "Schema changes made", metric = "SchemaChanges", stat = "Sum" },
  ]

  dataset_widgets = [
    for index, widget in local.widgets : {
      type   = "metric"
      x      = (index % 3) * 8
      y      = floor(index / 3) * 6
      width  = 8
      height = 6
      properties = {
        title  = widget.title
        region = local.region
        view   = "timeSeries"
        period = 300
        stat   = widget.stat
        # A new dataset appears by itself.
        metrics = [[{
          expression = "SEARCH('{Sluice,dataset} MetricName=\"${widget.metric}\"', '${widget.stat}', 300)"
          label      = "$${PROP('Dim.dataset')}"
        }]]
      }
    }
  ]

  # Service widgets come below the last row of the datasets'.
  services_y = ceil(length(local.widgets) / 3) * 6

  service_widgets = [
    {
      type   = "metric"
      x      = 0
      y      = local.services_y
      width  = 12
      height = 6
      properties = {
        title  = "Functions: errors"
        region = local.region
        view   = "timeSeries"
        period = 300
        stat   = "Sum"
        metrics = [
          for name in values(local.function_names) : ["AWS/Lambda", "Errors", "FunctionName", name]
        ]
      }
    },
    {
      type   = "metric"
      x      = 12
      y      = local.services_y
      width  = 12
      height = 6
      properties = {
        title  = "Load machine and queues"
        region = local.region
        view   = "timeSeries"
        period = 300
        stat   = "Sum"
        metrics = concat(
          [
            for metric in ["ExecutionsSucceeded", "ExecutionsFailed"] :
            ["AWS/States", metric, "StateMachineArn", local.machine_arn]
          ],
          [
            for name in concat([local.names.manifest_queue], values(local.dead_letter_queues)) :
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]
          ],
        )
      }
    },
  ]

  function_log_groups = [for function in values(module.function) : function.log_group]
  job_log_groups      = flatten([for job in values(module.job) : job.log_groups])

  # Names of fields as the functions' and the jobs' JSON lines have them.
  log_queries = {
    "errors" = {
      groups = concat(local.function_log_groups, local.job_log_groups)
      query  = <<-EOT
        fields @timestamp, level, dataset, batch, run, message
        | filter level in ["ERROR", "CRITICAL"]
        | sort @timestamp desc
        | limit 200
      EOT
    }
    "one batch" = {
      groups = concat(local.function_log_groups, local.job_log_groups)
      query  = <<-EOT
        fields @timestamp, level, run, message, @log
        | filter batch = "put the batch id here"
        | sort @timestamp asc
        | limit 1000
      EOT
    }
    "errors by dataset" = {
      groups = concat(local.function_log_groups, local.job_log_groups)
      query  = <<-EOT
        filter level in ["ERROR", "CRITICAL"]
        | stats count(*) as errors by dataset, bin(1h)
        | sort errors desc
      EOT
    }
    "slow functions" = {
      groups = local.function_log_groups
      query  = <<-EOT
        filter @type = "REPORT"
        | stats max(@duration) as longest_ms, avg(@duration) as mean_ms, max(@maxMemoryUsed / 1000000) as most_mb by @log
        | sort longest_ms desc
      EOT
    }
    "load machine" = {
      groups = [local.machine_log_group]
      query  = <<-EOT
        fields @timestamp, execution_arn, type, details.name, details.error, details.cause
        | filter type like /Failed|TimedOut|Aborted/
        | sort @timestamp desc
        | limit 200
      EOT
    }
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = concat(local.dataset_widgets, local.service_widgets) })
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = { for name, query in local.log_queries : name => query if var.log_queries }

  name            = "${var.name}/${each.key}"
  log_group_names = each.value.groups
  query_string    = each.value.query
}

output "next_steps" {
  description = "What to do now."
  value       = <<-EOT
    Sluice "${var.name}" (${var.environment}) is deployed in ${local.region}.

    1. Confirm the e-mails of AWS Notifications, one for each address and topic.
    2. Set the command line to this deployment, and have it checked:
         eval "$(terraform output -raw environment)"
         sluice doctor
    3. Send a batch: write its files and then manifest.json, last, into the folder of its hour, such as
         s3://${local.names.raw_bucket}/${try(split("/", local.catalog.tables["raw/${local.datasets[0]}"].path)[0], "dataset")}/year=2026/month=11/day=20/hour=13/
    4. Follow it:
         sluice status
         ${local.console}/cloudwatch/home?region=${local.region}#dashboards/dashboard/${var.name}
  EOT
}

output "environment" {
  description = "Variables that set Sluice's command line to this deployment, as shell commands."
  value = join("\n", concat(
    ["export AWS_REGION='${local.region}'"],
    [for name, value in local.environment_of_administrator : "export ${name}='${value}'"],
    [""],
  ))
}

output "settings" {
  description = "Sluice's settings: the names of everything."
  value       = local.settings
}

output "raw_bucket" {
  description = "Where source systems write."
  value       = module.raw_bucket.name
}

output "processed_bucket" {
  description = "Where the published Parquet files are."
  value       = module.processed_bucket.name
}

output "warehouse_endpoint" {
  description = "Host name of the warehouse for SQL clients; null for a warehouse that existed."
  value       = local.warehouse_endpoint
}

output "warehouse_secret_arn" {
  description = "Secret of the warehouse's administrator, who owns everything in it: the bootstrap's, and that of people who may read it."
  value       = local.warehouse_secret_arn
}

output "warehouse_reads" {
  description = "Policy that the role of COPY and Spectrum needs, as JSON: for the role of a warehouse that exists."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in local.warehouse_reads : {
        Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources
      }
    ]
  })
}

output "athena_workgroup" {
  description = "Athena workgroup with the scan limit and the saved queries."
  value       = aws_athena_workgroup.this.name
}

output "dead_letter_queues" {
  description = "Queues that are empty while all is well."
  value       = sort(values(local.dead_letter_queues))
}

output "role_names" {
  description = "The roles by what uses them."
  value = merge(
    { for key, function in module.function : "function ${key}" => function.role_name },
    { for key, job in module.job : "job ${key}" => job.role_name },
    { for key, crawler in module.crawler : "crawler ${key}" => crawler.role_name },
    { "load machine" = module.machine_role.name },
    { for role in module.warehouse_role[*].name : "warehouse" => role },
  )
}

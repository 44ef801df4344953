output "arn" {
  description = "ARN of the cluster; the Data API's permissions name it."
  value       = aws_redshift_cluster.this.arn
}

output "data_ids" {
  description = "What AWS knows the cluster's data by; another one when it is made again."
  value       = [aws_redshift_cluster.this.cluster_namespace_arn]
}

output "cluster" {
  description = "Identifier of the cluster."
  value       = aws_redshift_cluster.this.cluster_identifier
}

output "admin_secret_arn" {
  description = "Secret of the administrator."
  value       = aws_redshift_cluster.this.master_password_secret_arn
}

output "endpoint" {
  description = "Host name for SQL clients."
  value       = aws_redshift_cluster.this.dns_name
}

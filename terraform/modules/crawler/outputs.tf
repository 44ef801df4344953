output "name" {
  description = "Name of the crawler."
  value       = aws_glue_crawler.this.name
}

output "role_name" {
  description = "Name of the crawler's role."
  value       = module.role.name
}

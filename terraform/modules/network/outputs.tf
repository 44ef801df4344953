output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "The private subnets; their way to S3 is in place once they can be read."
  value       = aws_subnet.private[*].id
  depends_on  = [aws_vpc_endpoint.s3, aws_route_table_association.private]
}

output "security_group_id" {
  description = "Security group of the warehouse."
  value       = aws_security_group.warehouse.id
}

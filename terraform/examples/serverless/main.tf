# Sluice with Redshift Serverless: nothing to pay while nothing runs.
provider "aws" {
  region = var.region
}

module "sluice" {
  source = "../.."

  environment = var.environment
  owner       = var.owner
  redshift    = "serverless"

  deletion_protection = var.deletion_protection

  serverless = {
    base_capacity = 8
    max_capacity  = 32
    usage_limits = [
      { rpu_hours = 40, period = "daily", breach_action = "emit-metric" },
      { rpu_hours = 800, period = "monthly", breach_action = "deactivate" },
    ]
  }

  emails = {
    support = var.support_emails
  }
}

# Sluice with a provisioned cluster in subnets that exist already.
provider "aws" {
  region = var.region
}

module "sluice" {
  source = "../.."

  environment = var.environment
  owner       = var.owner
  redshift    = "provisioned"

  provisioned = {
    node_type = "ra3.large"
    nodes     = 2
    # Loads go first; readers may use other clusters for an hour a day, which is free.
    queues = [
      { name = "load", user_groups = ["sluice"], priority = "high" },
      { name = "reports", user_groups = ["reports"], priority = "normal", concurrency_scaling = true },
      { name = "everybody", priority = "low" },
    ]
    snapshots = {
      schedule                 = "rate(8 hours)"
      automated_retention_days = 14
    }
  }

  network = {
    subnet_ids         = var.subnet_ids
    security_group_ids = var.security_group_ids
  }

  emails = {
    support = var.support_emails
  }
}

# What @NAME@ needs in an AWS account. `sluice package` writes ../dist first: the packages, and the Terraform module of
# the version of Sluice that made them.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Keep the state in a bucket of yours:
  # backend "s3" {
  #   bucket       = "<state bucket>"
  #   key          = "@NAME@.tfstate"
  #   region       = "@REGION@"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "@REGION@"
}

variable "environment" {
  description = "Which deployment this is, such as dev or prod."
  type        = string
}

variable "owner" {
  description = "Who answers for the deployment."
  type        = string
}

variable "support_emails" {
  description = "Addresses that hear of what went wrong."
  type        = list(string)
  default     = []
}

module "sluice" {
  source = "../dist/terraform"

  name        = "@NAME@"
  environment = var.environment
  owner       = var.owner
  redshift    = "serverless"

  packages_folder  = "${path.root}/../dist"
  contracts_folder = "${path.root}/../contracts"

  emails = {
    support = var.support_emails
  }
}

output "next_steps" {
  description = "What to do now."
  value       = module.sluice.next_steps
}

output "environment" {
  description = "Variables that set Sluice's command line to this deployment, as shell commands."
  value       = module.sluice.environment
}

# Whole plans, for what is easier said in Python: tests/terraform looks at every resource in them.
mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment = "dev"
  owner       = "data-platform"
}

run "serverless" {
  command = plan

  variables {
    redshift = "serverless"
  }
}

run "provisioned" {
  command = plan

  variables {
    redshift = "provisioned"
  }
}

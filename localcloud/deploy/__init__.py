"""Deploys Sluice into the local cloud: the resources that Terraform declares, made through the same APIs."""

from localcloud.deploy.deployer import Deployer

__all__ = ["Deployer"]

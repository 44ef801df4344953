"""Deploys Sluice into the local cloud: the resources that Terraform declares, made through the same APIs."""

from sluice_laptop.deploy.deployer import Deployer

__all__ = ["Deployer"]

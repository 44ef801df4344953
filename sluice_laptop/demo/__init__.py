"""The demo: the whole pipeline on this machine, and a comparison of the warehouse with what was sent."""

from sluice_laptop.demo.run import DemoOptions, run

__all__ = ["DemoOptions", "run"]

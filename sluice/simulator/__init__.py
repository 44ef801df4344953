"""Plays the source system: seeded data for the datasets that come with Sluice, and the truth about it."""

from sluice.simulator.aggregates import truth_of_aggregates
from sluice.simulator.options import DATASETS, SimulatorOptions
from sluice.simulator.partition import SimulatedPartition, simulate
from sluice.simulator.send import Sender, SentPartition
from sluice.simulator.truth import Truth

__all__ = [
    "DATASETS",
    "Sender",
    "SentPartition",
    "SimulatedPartition",
    "SimulatorOptions",
    "Truth",
    "simulate",
    "truth_of_aggregates",
]

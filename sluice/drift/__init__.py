"""Drift: where contract, catalog, published files, Spectrum, Redshift and source differ, and what is done about it."""

from sluice.drift.difference import Difference, Kind, Layer

__all__ = ["Difference", "Kind", "Layer"]

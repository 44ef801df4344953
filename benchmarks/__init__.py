"""Sluice beside its peers, in one run on one machine: ``make bench`` and ``make bench-quick``. See README.md."""

"""A first contract from samples of raw files: what they show, and a word on every guess.

Looks at files on this machine only, at most a set number of records of each, and keeps counts and hashes, not records.
Not shipped: people run it, Lambda and Glue never do.
"""

from sluice.infer.draft import Draft
from sluice.infer.infer import DEFAULT_ROWS, Options, infer

__all__ = ["DEFAULT_ROWS", "Draft", "Options", "infer"]

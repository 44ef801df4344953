"""A first contract from samples of raw files: what they show, and a word on every guess.

Looks at most at a set number of records of each file, and keeps counts and hashes, not records. People run
`sluice.infer.infer`, which needs a YAML library; the readers of samples ship as well, because the schema sync looks at
the newest raw files with them.
"""

"""Crawls of the local cloud: what AWS documents of Glue's crawlers, done for real.

A rule that AWS does not document says so where it is decided, and is listed in `docs/fidelity.md`.
"""

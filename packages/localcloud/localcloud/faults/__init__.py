"""AWS on a bad day: answers and events of the local cloud that go wrong by a seeded plan. Off by default.

What the pipeline itself asks (functions and Glue runs) meets the plan; the local cloud's own requests, which stand for
what happens inside AWS, and those of clients outside do not.
"""

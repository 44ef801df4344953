"""The laptop's AWS: MiniStack with real Glue runs, a real warehouse and state that survives a restart.

Production code never imports this package.
"""

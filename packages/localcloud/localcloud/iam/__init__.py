"""Who may do what in the local cloud: AWS's evaluation of policies, and where each request is judged.

`documents`, `conditions` and `judge` know policies and nothing else; the rest knows the local cloud. Nothing here
imports Sluice: the policies are those that somebody deployed.
"""

"""How far the stand-ins of Redshift and Athena answer as AWS documents: statements, and what becomes of each.

``make fidelity`` runs it, prints the counts of each area and writes them into ``docs/fidelity.md``.
"""

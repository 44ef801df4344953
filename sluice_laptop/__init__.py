"""Sluice on a laptop: deployed to the local cloud, run there until stopped, shown by the demo.

It knows the product and the package `localcloud`; neither knows it, but for the commands `up` and `demo`.
"""

"""By what the local cloud knows requests of functions and Glue runs from all others."""

WORKLOAD = "localcloud-workload"
"""The application id that SDKs of functions and runs send in the header User-Agent (``app/…``).

Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-appid.html
"""
OWN = "localcloud"
"""The application id of the local cloud's own clients."""

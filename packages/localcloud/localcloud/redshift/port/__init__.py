"""The warehouse's port: PostgreSQL's protocol 3.0, as Redshift's drivers speak it, in front of the engine."""

from localcloud.redshift.port.listener import Listener

__all__ = ["Listener"]

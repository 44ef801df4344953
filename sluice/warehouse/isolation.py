"""The isolation level of the warehouse's database, and what it means for those who use it beside Sluice.

Source: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
"""

from typing import Final

SERIALIZABLE: Final = "Serializable"
"""How ``STV_DB_ISOLATION_LEVEL`` calls it."""


def meaning_of(level: str) -> str:
    """What a level means.

    Args:
        level: The level as ``STV_DB_ISOLATION_LEVEL`` has it.
    """
    if level.casefold().startswith(SERIALIZABLE.casefold()):
        return (
            "loads do not conflict with each other, but other sessions that read and write several tables in one "
            "transaction may end with error 1023; ALTER DATABASE ... ISOLATION LEVEL SNAPSHOT ends that"
        )
    return "loads and other sessions conflict only when they change the same rows"

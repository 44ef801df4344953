"""Every error that Sluice raises on purpose: one base, two families.

*Terminal* errors do not go away by trying again (a bad manifest, a breach of the contract, a value out of range);
*transient* ones do (throttling, a lock, a lost connection). Callers decide by the family; people read the message, which
names the file, the row or field, and the rule.
"""


class SluiceError(Exception):
    """Base of every error raised by Sluice."""


class TerminalError(SluiceError):
    """Trying again gives the same error."""


class TransientError(SluiceError):
    """Trying again may succeed."""


class ContractError(TerminalError):
    """A contract file breaks a rule; the message names the file and the field."""


class LayoutError(TerminalError):
    """A key does not fit the folder layout of any contract."""


class ManifestError(TerminalError):
    """A manifest breaks a rule; the message names the manifest, the entry and the rule."""


class InputChangedError(TerminalError):
    """A source file is gone or differs from what its manifest said."""


class AccountingError(TerminalError):
    """Rows read do not equal rows published + quarantined + duplicates removed."""


class WarehouseError(TerminalError):
    """The warehouse refused a statement for a reason that stays."""


class WarehouseBusyError(TransientError):
    """The warehouse refused a statement because of load, locks or a lost connection."""


class ConflictError(TransientError):
    """Another writer changed the same record first."""

"""Every error that Sluice raises on purpose: one base, two families.

*Terminal* errors do not go away by trying again (a bad manifest, a breach of the contract, a value out of range);
*transient* ones do (throttling, a lock, a lost connection). Callers decide by the family; people read the message,
which names the file, the row or field, and the rule.
"""


class SluiceError(Exception):
    """Base of every error raised by Sluice."""

    @property
    def named(self) -> str:
        """The message with the class name before it, as ledger and outcomes keep it."""
        return f"{type(self).__name__}: {self}"


class TerminalError(SluiceError):
    """Trying again gives the same error."""


class TransientError(SluiceError):
    """Trying again may succeed."""


class ContractError(TerminalError):
    """A contract file breaks a rule; the message names the file and the field."""


class UnknownDatasetError(TerminalError):
    """No contract has the dataset, or has it any more; the message names it and those that there are."""


class AggregateError(TerminalError):
    """An aggregate's file breaks a rule, or does not go with a contract; the message names the aggregate."""


class LayoutError(TerminalError):
    """A key does not fit the folder layout of any contract."""


class ManifestError(TerminalError):
    """A manifest breaks a rule; the message names the manifest, the entry and the rule."""


class MissingObjectError(TerminalError):
    """An object that should be in S3 is not there."""


class UnreadableObjectError(TerminalError):
    """An object is in S3 and may not be read; the message has S3's reason and, where it is known, the KMS key."""


class ObjectTooLargeError(TerminalError):
    """An object is longer than what its reader takes; the message has both lengths."""


class InputChangedError(TerminalError):
    """A source file is gone or differs from what its manifest said."""


class AccountingError(TerminalError):
    """Rows read do not equal rows published + quarantined + duplicates removed."""


class EmptyDeliveryError(TerminalError):
    """A delivery without a row would empty a table whose contract does not allow that."""


class OutdatedFilesError(TerminalError):
    """Published files do not go with today's contract any more: the batch must be converted again."""


class AwsError(TerminalError):
    """An AWS service refused a call for a reason that stays; the message has the service's own code."""


class AwsDeniedError(AwsError):
    """An AWS service refused a call for lack of a right, which may be on its way: rights take a moment to arrive."""


class AwsBusyError(TransientError):
    """An AWS service could not answer now: throttling, an error of its own, or a lost connection."""


class StartUnclearError(TransientError):
    """A job run was asked for and the answer was lost; it may have been started."""


class WarehouseError(TerminalError):
    """The warehouse refused a statement for a reason that stays."""


class WarehouseDeniedError(WarehouseError):
    """The warehouse refused a statement for lack of a right, which may be on its way."""


class WarehouseBusyError(TransientError):
    """The warehouse refused a statement because of load, locks or a lost connection."""


class WarehouseAheadError(TransientError):
    """A table has grown beyond the contract of this run: it was deployed from an older version than who grew it."""


class WarehouseUnclearError(WarehouseBusyError):
    """The warehouse refused a statement for a reason that no rule knows; one batch alone may be the cause."""


class ConflictError(TransientError):
    """Another writer changed the same record first."""


class SimulatorError(TerminalError):
    """The simulated source system cannot make what was asked for."""


class CommandError(TerminalError):
    """A command of the command line cannot do what it was asked for."""


class SampleError(TerminalError):
    """A sample of raw files cannot be read, or no contract can describe it; the message names the file."""

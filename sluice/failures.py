"""What a failure means: one table that every part judges by.

A failure is *final* only for a cause that cannot change by itself. Everything that no rule knows is of the world, and
is tried again. A raw file is blamed for nothing here: what stands in it is the parsers' to say. ``docs/failures.md`` is
made of this table.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sluice import errors
from sluice.errors import (
    AwsDeniedError,
    OutdatedFilesError,
    SluiceError,
    TransientError,
    WarehouseDeniedError,
    WarehouseUnclearError,
)


class Verdict(StrEnum):
    """What a failure is a failure of.

    Attributes:
        WORLD: Something that the run depends on is away, busy, throttled or full: it passes, and no batch is to blame.
        STOP: Somebody stopped the run, or the machine under it: no batch is to blame.
        RUN: The run itself was lost or ran out of room; another one, of fewer batches, may succeed.
        DENIED: A right is missing. It may be on its way, so it is tried again as often as a batch has attempts.
        CONVERT: What was published no longer goes with the contract: the batch is converted again, by itself.
        FINAL: Another run does the same and ends the same.
    """

    WORLD = "world"
    STOP = "stop"
    RUN = "run"
    DENIED = "denied"
    CONVERT = "convert"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table.

    Attributes:
        verdict: What a failure with the mark is a failure of.
        pattern: The mark, a regular expression that ignores case.
        meaning: What happened, for people.
    """

    verdict: Verdict
    pattern: str
    meaning: str

    def knows(self, text: str) -> bool:
        """Whether the text has the mark."""
        return re.search(self.pattern, text, re.IGNORECASE | re.DOTALL) is not None


_W, _D, _X, _S = (
    Verdict.WORLD,
    Verdict.DENIED,
    Verdict.FINAL,
    Verdict.STOP,
)

WAREHOUSE = (
    Rule(
        _W, r"serializable isolation violation|\berror:?\s*10(18|23)\b|could not serialize", "another transaction won"
    ),
    Rule(
        _W, r"conflict with concurrent|concurrently updated|concurrent(ly)? (update|delete)", "another transaction won"
    ),
    Rule(_W, r"deadlock detected|cancell?ing statement due to lock|lock (wait )?timeout", "a lock"),
    Rule(
        _W,
        r"could not open relation with oid|cache lookup failed|relation .{0,40}(was )?(deleted|dropped) while",
        "the catalog changed meanwhile",
    ),
    Rule(_W, r"tuple concurrently|duplicate key value violates unique constraint \"pg_", "two sessions made one thing"),
    Rule(_W, r"(?<!of )\b(schema|relation|type) \"[^\"]*\" already exists", "two sessions made one thing"),
    # A second run of the same claim removes what it takes for the staging table of a dead one.
    Rule(_W, r"relation \"(sluice\.)?stage_[^\"]*\" does not exist", "another run tidied up"),
    Rule(_W, r"\bconnection\b.{0,60}\b(lost|closed|reset|refused|terminated|timed out|fail)", "the connection"),
    Rule(
        _W,
        r"could not connect|terminating connection|server closed|no route to host|ssl (syscall )?error",
        "the connection",
    ),
    Rule(
        _W, r"connection limit|too many (connections|clients)|remaining connection slots", "its connections are used up"
    ),
    Rule(
        _W, r"database system is|not available|unavailable|is (being )?paused|maintenance|resiz|restart", "it is away"
    ),
    Rule(
        _W, r"read[- ]?only (transaction|mode|state)|in read[- ]?only|cluster is read[- ]?only", "it is being resized"
    ),
    Rule(
        _W,
        r"cancell?ed (on|by)|cancell?ing|abort(ed)? (on|by)|requested abort|abort(ed)? query",
        "somebody stopped the statement",
    ),
    Rule(_W, r"statement[ _]timeout|query timeout|exceeded .{0,30}time", "it took too long"),
    Rule(_W, r"disk full|\b1016\b.{0,40}disk|no space left|out of memory|memory (exhausted|limit)", "it has no room"),
    Rule(
        _W,
        r"password authentication failed|expired (token|credential)|token .{0,30}expired",
        "its password is being changed",
    ),
    Rule(
        _W,
        r"slow ?down|internal ?error|service ?unavailable|request ?time(out| too)|throttl|too many requests",
        "S3 under COPY",
    ),
    Rule(
        _W, r"\b(http|status)\b.{0,20}\b(429|500|502|503|504)\b|retries exceeded|thread_resource_error", "S3 under COPY"
    ),
    Rule(
        _D, r"permission denied|must be (owner|superuser)|not authorized|access ?denied|\b42501\b", "a right is missing"
    ),
    Rule(_X, r"syntax error|\b42601\b", "a statement that the warehouse does not understand"),
    Rule(_X, r"(relation|column|table|view|schema|type)\b.{0,300}does not exist", "something of ours is missing"),
    Rule(
        _X,
        r"(function|procedure|cursor|language|database|role|user)\b.{0,300}does not exist",
        "something of ours is missing",
    ),
    Rule(_X, r"(bucket|key|prefix|location)\b.{0,1200}does not exist", "COPY did not find a file"),
    Rule(_X, r"\b(42P01|42703|42883|3F000)\b", "something of ours is missing"),
    Rule(
        _X, r"already exists|multiple primary keys|specified more than once|ambiguous", "a definition that does not fit"
    ),
    Rule(
        _X,
        r"out of range|overflow|too long for|(longer than|exceeds) (ddl|the) length|precision .{0,40}(exceed|overflow)",
        "a value does not fit its column",
    ),
    Rule(
        _X,
        r"invalid (input|digit|value|byte|date|timestamp|utf)|division by zero|not-null|insert a null|null value in",
        "a value does not fit its column",
    ),
    Rule(_X, r"is not a valid date: write dates as", "a refresh was asked for a date that is none"),
    Rule(_X, r"violates (unique|foreign|check|not)|duplicate key|multiple matches to update", "rows break a rule"),
    Rule(
        _X,
        r"incompatible (parquet|schema|type|column)|\b15007\b|unmatched number of columns|(column|type) mismatch",
        "files do not fit the table",
    ),
    Rule(
        _X,
        r"not a (valid )?parquet|malformed|corrupt|unsupported|not supported|is not implemented",
        "files or statements that it cannot read",
    ),
    Rule(
        _X,
        r"stl_load_error|sys_load_error|load into table .{0,200}failed|mandatory url|no ?such ?key",
        "COPY found files that do not fit",
    ),
    Rule(
        _X, r"problem reading manifest|file size mismatch|needs credentials|invalid (s3|iam)", "COPY was asked wrongly"
    ),
    Rule(_X, r"is (required|not allowed)|must be (between|at least)|cannot exceed|more than the maximum", "a limit"),
    Rule(
        _X,
        r"cannot (cast|be cast|drop|alter|change|be matched)|could not determine|is of type .{0,60}but",
        "types do not fit",
    ),
    Rule(
        _X,
        r"other objects depend|depends on|is not a (table|view)",
        "a definition that does not fit",
    ),
)
"""What Redshift says of a statement that failed; texts of the Data API carry no SQLSTATE of their own.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_DescribeStatement.html (``Error``)
"""

AWS_CODES = (
    Rule(
        _W,
        r"throttl|slow ?down|too ?many ?requests|rate ?exceeded|RequestLimitExceeded|ThroughputExceeded",
        "throttled",
    ),
    Rule(_W, r"LimitExceeded|ExceededException\Z|Concurrent|Conflict|InProgress|NotReady|NotComplete", "busy"),
    Rule(
        _W, r"timeout|timedout|unavailable|internal(server|service)?(error|failure|exception|fault)", "its own failure"
    ),
    Rule(
        _W,
        r"retryable|expiredtoken|RequestExpired|OperationAborted|DatabaseConnection|IDPCommunication",
        "its own failure",
    ),
    Rule(
        _D,
        r"access(_| )?denied|unauthori[sz]ed|not ?authori[sz]ed|forbidden|^403\Z|KMS\.Disabled|KeyUnavailable",
        "a right is missing",
    ),
    Rule(
        _D,
        r"UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|AuthFailure|OptIn",
        "a right is missing",
    ),
    Rule(
        _X,
        r"^(404|NotFound|NoSuch\w*|[\w.]*NonExistentQueue|\w*(NotFound|DoesNotExist)(Exception|Fault|Error)?)\Z",
        "something of ours is missing",
    ),
    Rule(_X, r"^\w*(Already\w*Exists|AlreadyOwned\w*)(Exception|Fault)?\Z|NotEmpty", "it is there already"),
    Rule(
        _X,
        r"^(ConditionalCheckFailed\w*|Precondition\w*|412|TransactionCanceled\w*|304|NotModified)\Z",
        "a condition does not hold",
    ),
    Rule(
        _X,
        r"^(\w*Validation\w*|Invalid\w*|Malformed\w*|Missing\w*|\w*Parameter\w*|BadRequest\w*)\Z",
        "a request that it does not take",
    ),
    Rule(
        _X,
        r"^(Unknown\w*|Unsupported\w*|NotImplemented|MethodNotAllowed|405|Serialization\w*|EntityTooLarge)\Z",
        "a request that it does not take",
    ),
    Rule(
        _X,
        r"^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocation\w*|QueryString\w*|\w*TooLarge\w*)\Z",
        "a request that it does not take",
    ),
)
"""Error codes of AWS's services, whatever the service.

Source: the exceptions in botocore's models of the services that are called, and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

AWS_TEXTS = (
    Rule(
        _W,
        r"endpoint doesn.t exist|paused|is not available|resum(e|ing)|modifying|being (resized|restored)",
        "the warehouse is away",
    ),
    Rule(_W, r"throttl|rate exceeded|please reduce your request rate|slow ?down", "throttled"),
)
"""What a service says under a code that would be final: a paused cluster is a `ValidationException`.

Source: aws/aws-cdk issue 30536 ("Redshift endpoint doesn't exist in this region")
"""

AWS_CLIENT = (
    Rule(
        _X,
        r"^(ParamValidation|Unknown\w*|Invalid\w*|NoRegion|ProfileNotFound|Config\w*|Unsupported\w*)Error\Z",
        "a request that cannot be made",
    ),
    Rule(
        _X,
        r"^(DataNotFound|OperationNotPageable|Pagination|Waiter|Validation|Missing\w*|Range)Error\Z",
        "a request that cannot be made",
    ),
    Rule(
        _D,
        r"^(NoCredentials|PartialCredentials|NoAuthToken|\w*TokenLoad|\w*SSOToken\w*)Error\Z",
        "there are no credentials",
    ),
)
"""Classes of botocore's own errors, which never reached AWS; every other one is the network."""

EXCEPTIONS = (
    Rule(
        _W,
        r"Timeout|TimedOut|Connect|BrokenPipe|^SSL|^(gai|h)error\Z|ProtocolError|IncompleteRead|Streaming",
        "the network",
    ),
    Rule(_W, r"Credentials|ExpiredToken|TokenRetrieval", "the connection to AWS"),
)
"""Classes of exceptions that Sluice did not raise and of their causes; any other is the run's: its memory, its disk, or
a mistake of ours.
"""

RUNS = (
    Rule(_S, r"^(STOPPED|STOPPING|ABORTED)\b|LocalCloudStopped", "somebody stopped it"),
    Rule(_W, r"^(EXPIRED|WAITING)\b", "it never began"),
    Rule(_W, r"\b(AwsBusy|WarehouseBusy|WarehouseUnclear|StartUnclear|Conflict|Transient)Error\b", "the run says so"),
    Rule(
        _W,
        r"resource ?unavailable|insufficient capacity|max(imum)? concurrent|concurrent runs exceeded",
        "AWS has no room",
    ),
    Rule(_W, r"rate exceeded|throttl|too many requests|internal service (error|exception)|service unavailable", "AWS"),
    Rule(_W, r"ConcurrentRunsExceeded|InternalServiceException|AWSGlueException|LAUNCH ERROR|failed to launch", "AWS"),
    Rule(_W, r"could not connect to the endpoint|endpoint doesn.t exist", "AWS"),
)
"""State and message of a run that left no outcome; one that no rule knows died without a word."""

STEPS = (
    Rule(
        _X,
        r"^Runtime\.(ImportModuleError|Handler(NotFound|Error)|MalformedHandlerName|UserCodeSyntaxError)",
        "a function that is broken",
    ),
    Rule(
        _X,
        r"^(Attribute|Import|ModuleNotFound|Name|Runtime|Type|Syntax|Key|Index|NotImplemented)Error\Z",
        "a function that is broken",
    ),
    Rule(_X, r"^Lambda\.(ResourceNotFound|Invalid|KMS(AccessDenied|Disabled|NotFound))", "a function that is gone"),
    Rule(
        _X,
        r"^States\.(Runtime|\w*Path\w*|QueryEvaluationError|NoChoiceMatched|IntrinsicFailure|DataLimit)",
        "the machine",
    ),
    Rule(_D, r"^States\.Permissions\Z|AccessDenied", "a right is missing"),
)
"""Names of errors of the states that follow a load, as Step Functions gives them.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html (error names)
"""

TABLES: Mapping[str, tuple[str, tuple[Rule, ...], Verdict]] = {
    "The warehouse's texts": ("what a statement ended with", WAREHOUSE, Verdict.WORLD),
    "AWS's texts": ("what a service says, before its code counts", AWS_TEXTS, Verdict.WORLD),
    "AWS's codes": ("the service's own error code", AWS_CODES, Verdict.WORLD),
    "AWS's client": ("class of an error that never reached AWS", AWS_CLIENT, Verdict.WORLD),
    "Exceptions of others": ("class of any exception of the chain", EXCEPTIONS, Verdict.RUN),
    "Steps after a load": ("name of the error; then the warehouse's texts", STEPS, Verdict.WORLD),
    "Runs that left no outcome": ("state and message", RUNS, Verdict.RUN),
}
"""Every part of the table: what its marks are looked for in, its rules, and the verdict where none of them fits."""


def warehouse_verdict(text: str) -> Verdict | None:
    """What a statement's failure is a failure of; None when no rule knows it, which counts as the world's."""
    return _first(WAREHOUSE, _without_names(text))


def aws_verdict(code: str, status: int = 0, text: str = "") -> Verdict:
    """What a refusal of an AWS service is a failure of.

    Args:
        code: The service's own error code.
        status: The answer's HTTP status; 0 when it is not known.
        text: The service's message.
    """
    if status >= _SERVER_ERROR or status == _TOO_MANY_REQUESTS:
        return Verdict.WORLD
    return _first(AWS_TEXTS, text) or _first(AWS_CODES, code) or Verdict.WORLD


def client_verdict(name: str) -> Verdict:
    """What an error of botocore itself is a failure of, by its class."""
    return _first(AWS_CLIENT, name) or Verdict.WORLD


def run_verdict(state: str, message: str) -> Verdict:
    """What the end of a run that left no outcome is a failure of.

    Args:
        state: The state that AWS gives.
        message: The reason that AWS gives.
    """
    return _first(RUNS, f"{state} {message}") or Verdict.RUN


def step_verdict(error: str, text: str) -> Verdict:
    """What a failure in the load's state machine is a failure of.

    Args:
        error: Name of the error, as Step Functions gives it.
        text: What it says.
    """
    known = getattr(errors, error, None)
    if isinstance(known, type) and issubclass(known, errors.TerminalError):
        return Verdict.FINAL
    return _first(STEPS, error) or warehouse_verdict(text) or Verdict.WORLD


def outcome_verdict(error: str, *, is_transient: bool, verdict: str = "") -> Verdict:
    """What a batch's failure is a failure of, as the run's outcome document tells it.

    Args:
        error: The error, beginning with its class name.
        is_transient: Whether the run says that another one may succeed.
        verdict: The run's own verdict; empty in outcomes that have none.
    """
    if verdict in set(Verdict):
        return Verdict(verdict)
    if error.startswith((AwsDeniedError.__name__, WarehouseDeniedError.__name__)):
        return Verdict.DENIED
    if error.startswith(OutdatedFilesError.__name__):
        return Verdict.CONVERT
    return Verdict.WORLD if is_transient else Verdict.FINAL


def is_unclear(error: str) -> bool:
    """Whether no rule knew a batch's failure: then it is the batch's own where others got through."""
    return error.startswith(WarehouseUnclearError.__name__)


def are_alike(one: str, other: str) -> bool:
    """Whether two reasons tell of the same thing: what they say in the end, whatever runs, tables and numbers."""
    return _gist(one) == _gist(other)


def verdict_of(error: BaseException) -> Verdict:
    """What an exception of our own parts is a failure of; one that Sluice did not raise is the network's or the run's.

    Args:
        error: The exception, with its causes.
    """
    if isinstance(error, TransientError):
        return Verdict.WORLD
    if isinstance(error, AwsDeniedError | WarehouseDeniedError):
        return Verdict.DENIED
    if isinstance(error, OutdatedFilesError):
        return Verdict.CONVERT
    if isinstance(error, SluiceError):
        return Verdict.FINAL
    names = [type(cause).__name__ for cause in _causes(error)]
    return next((found for name in names if (found := _first(EXCEPTIONS, name)) is not None), Verdict.RUN)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


_SERVER_ERROR, _TOO_MANY_REQUESTS, _MAX_CAUSES = 500, 429, 20


def _gist(reason: str) -> tuple[str, str]:
    kind = re.match(r"\w+(?:Error|Exception)\b", reason)
    said = re.sub(r"^(run|execution) \S+ of \S+ ", "", reason).rpartition("ended as ")[2].rpartition(": ")[2]
    # Of an address the host counts: what was asked of it differs from batch to batch.
    said = re.sub(r"(\w+://[^\s/\"']*)[^\s\"']*", r"\1", said)
    return ("" if kind is None else kind[0], re.sub(r"[0-9][0-9a-f]*", "0", said.casefold()))


def _first(rules: Iterable[Rule], text: str) -> Verdict | None:
    return next((rule.verdict for rule in rules if rule.knows(text)), None)


def _without_names(text: str) -> str:
    """A text without the names in it, which may be any words; of a staging table its beginning stays."""
    return re.sub(r'"(?:(?:sluice\.)?(stage_|pg_))?[^"]*"', r'"\1"', text, flags=re.IGNORECASE)

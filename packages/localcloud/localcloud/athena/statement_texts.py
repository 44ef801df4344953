"""What kind of statement a text is, by its words."""

from dataclasses import dataclass
from itertools import pairwise

from localcloud.athena.dialect.parsing import tokens_of

QUERIES = ("SELECT", "WITH", "VALUES", "TABLE")
_DML = (*QUERIES, "INSERT", "UPDATE", "DELETE", "MERGE", "UNLOAD", "EXECUTE")
_DDL = ("CREATE", "DROP", "ALTER", "MSCK", "PREPARE", "DEALLOCATE PREPARE")


@dataclass(frozen=True)
class Statement:
    """A statement, as far as its words say what it is.

    Attributes:
        sql: its text, without a semicolon at the end.
        word: its first word, in upper case.
        kind: Athena's type of it: DML, DDL or UTILITY.
        is_ctas: whether it is CREATE TABLE AS.
    """

    sql: str
    word: str
    kind: str
    is_ctas: bool = False

    @property
    def writes_files(self) -> bool:
        """Whether it writes files beside its result."""
        return self.is_ctas or self.word in ("INSERT", "UNLOAD")

    @property
    def subkind(self) -> str:
        """What Athena calls it in particular."""
        return "CREATE_TABLE_AS_SELECT" if self.is_ctas else self.word


def read_statement(sql: str) -> Statement:
    """What a text is; one that cannot be read is a query, which then fails."""
    words = [token.text.upper() for token in tokens_of(sql)]
    word = words[0] if words else "SELECT"
    if word == "(":
        word = "SELECT"
    kind = "DML" if word in _DML else "DDL" if word in _DDL else "UTILITY"
    return Statement(sql.strip().rstrip(";").strip(), word, kind, _is_ctas(words))


def _is_ctas(words: list[str]) -> bool:
    if words[:2] != ["CREATE", "TABLE"]:
        return False
    return any(word == "AS" and following in (*QUERIES, "(") for word, following in pairwise(words))

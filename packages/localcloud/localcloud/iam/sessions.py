"""Access keys that the local cloud hands to what runs as a role, and whose they are.

Those that STS hands out for a role are that role's, too. Every other key is the administrator's: the person at the
terminal, and the local cloud itself.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from localcloud import registry
from localcloud.iam.judge import Principal

SESSION_NAME_CHARACTERS = 64
_ASKING: ContextVar[Principal | None] = ContextVar("_ASKING", default=None)


@contextmanager
def asking_as(principal: Principal | None) -> Iterator[None]:
    """Let what is called inside know who asks.

    Args:
        principal: Who; None leaves what is known, and is the administrator where nothing is.
    """
    if principal is None:
        yield
        return
    token = _ASKING.set(principal)
    try:
        yield
    finally:
        _ASKING.reset(token)


def asking() -> Principal | None:
    """Who asks; None: the administrator."""
    return _ASKING.get()


def asking_role() -> str:
    """ARN of the role that asks; empty for the administrator."""
    principal = _ASKING.get()
    return "" if principal is None else principal.role_arn


class Sessions:
    """The sessions of roles, by access key. They are remembered as long as the process lives."""

    def __init__(self) -> None:
        """Nobody has a session yet."""
        self._principals: dict[str, Principal] = {}
        self._lock = threading.Lock()

    def open(self, role_arn: str, name: str) -> dict[str, str]:
        """The environment of what runs as a role.

        The keys follow from role and name, so that a process that lives on over a restart keeps its session.

        Args:
            role_arn: ARN of the role.
            name: of the session: what runs.
        """
        principal = self.holder(role_arn, name)
        digest = hashlib.sha256(f"{role_arn}:{name}".encode()).hexdigest()
        key, secret, token = f"ASIA{digest[:16].upper()}", digest[16:56], digest
        self.keep(key, principal)
        registry.register_session(key, principal.arn, user_id(principal), secret, token)
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}

    def keep(self, access_key: str, principal: Principal) -> None:
        """Remember whose an access key is."""
        with self._lock:
            self._principals[access_key] = principal

    @staticmethod
    def holder(role_arn: str, name: str) -> Principal:
        """Who a role is when something runs as it."""
        return Principal.session(role_arn, name[:SESSION_NAME_CHARACTERS])

    def principal(self, access_key: str) -> Principal | None:
        """Whose an access key is; None: the administrator's."""
        with self._lock:
            return self._principals.get(access_key)


def user_id(principal: Principal) -> str:
    """The value of aws:userid: of a session, its role's id, a colon and its name.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    role, _, session = principal.arn.rpartition("/")
    return f"{role.rpartition('/')[2]}:{session}"

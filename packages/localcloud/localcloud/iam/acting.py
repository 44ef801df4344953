"""Clients of services that act as a role: what they ask goes through the door like everybody's requests."""

from dataclasses import dataclass

from localcloud import registry
from localcloud.clients import Clients
from localcloud.iam.door import Door
from localcloud.iam.requests import role_arn


@dataclass(frozen=True, slots=True)
class Acting:
    """Lets services of the local cloud take on roles.

    Attributes:
        clients: Of the local cloud's endpoint.
        door: Judges whether the service may take the role on, and then what it asks.
    """

    clients: Clients
    door: Door

    def take_on(self, role: str, services: tuple[str, ...], session: str, scope: tuple[str, str]) -> Clients:
        """The clients of a role's session.

        Args:
            role: Name or ARN of the role.
            services: Principals of which the role has to trust one, such as glue.amazonaws.com.
            session: Name of the session.
            scope: Account and region.

        Raises:
            AwsApiError: The role's trust policy lets none of them in, or there is no such role.
        """
        arn = role_arn(role, scope[0])
        with registry.request_scope(*scope):
            self.door.require_trust(services, arn, {"aws:sourceaccount": scope[0]})
        return self.clients.of(*scope).acting(self.door.sessions.open(arn, session))

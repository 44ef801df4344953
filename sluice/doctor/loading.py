"""What follows the conversion: state machine, topics, the warehouse's secret."""

import json
from collections.abc import Iterator

from sluice.aws.looking import look_for
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import DEPLOY, Finding, error, ok, warning

_UNCONFIRMED = "PendingConfirmation"


def check_machine(deployment: Deployment) -> Iterator[Finding]:
    """The state machine exists, takes executions, and runs our load job."""
    settings = deployment.settings
    name = settings.load_machine
    answer = look_for(
        f"state machine {name}",
        deployment.clients.stepfunctions.describe_state_machine,
        stateMachineArn=deployment.arns.machine(name),
    )
    if answer is None:
        yield error("state machine", f"state machine {name} does not exist: nothing is loaded", DEPLOY)
        return
    if answer.get("status", "ACTIVE") != "ACTIVE":
        yield error("state machine", f"state machine {name} is {answer['status']}", DEPLOY)
    elif answer["type"] != "STANDARD":
        # Only a standard machine knows an execution by its name and can redrive it.
        yield error("state machine", f"state machine {name} is {answer['type']}, not STANDARD", DEPLOY)
    elif settings.load_job not in texts(json.loads(answer["definition"])):
        yield error("state machine", f"state machine {name} does not run Glue job {settings.load_job}", DEPLOY)
    else:
        yield ok("state machine", f"state machine {name} is active and runs Glue job {settings.load_job}")


def texts(value: object) -> frozenset[str]:
    """Every text among the values of a JSON document."""
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, dict):
        return frozenset().union(*map(texts, value.values()))
    if isinstance(value, list):
        return frozenset().union(*map(texts, value))
    return frozenset()


def check_topics(deployment: Deployment) -> Iterator[Finding]:
    """Both topics exist and somebody hears them."""
    sns, settings = deployment.clients.sns, deployment.settings
    for name in (settings.business_topic, settings.support_topic):
        arn = deployment.arns.topic(name)
        # One page of up to 100 subscriptions is enough to tell whether there is any.
        answer = look_for(f"topic {name}", sns.list_subscriptions_by_topic, TopicArn=arn)
        if answer is None:
            yield error("topics", f"topic {name} does not exist: nobody is told of anything", DEPLOY)
            continue
        found = [item["SubscriptionArn"] for item in answer["Subscriptions"]]
        confirmed = [item for item in found if item != _UNCONFIRMED]
        if confirmed:
            yield ok("topics", f"topic {name} has {len(confirmed)} subscription{'s' if len(confirmed) > 1 else ''}")
        else:
            problem = "waits for its subscribers to confirm" if found else "has no subscription: nobody hears it"
            fix = f"aws sns subscribe --topic-arn {arn} --protocol email --notification-endpoint <address>"
            yield warning("topics", f"topic {name} {problem}", fix)


def check_secret(deployment: Deployment) -> Iterator[Finding]:
    """The secret of the warehouse exists, when one is configured. Its value is not read."""
    name = deployment.settings.warehouse_secret
    if not name:
        yield ok("secret", "the warehouse is reached by the caller's own role, without a secret")
        return
    answer = look_for("the warehouse's secret", deployment.clients.secretsmanager.describe_secret, SecretId=name)
    if answer is None:
        yield error("secret", f"secret {name} does not exist: nothing reaches the warehouse", DEPLOY)
    elif answer.get("DeletedDate") is not None:
        fix = f"aws secretsmanager restore-secret --secret-id {name}"
        yield error("secret", f"secret {name} is about to be deleted", fix)
    else:
        yield ok("secret", f"secret {name} exists")

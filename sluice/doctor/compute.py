"""What works: functions, what calls them, Glue jobs, and the roles that they have."""

from collections.abc import Iterator

from sluice.aws.looking import look_for
from sluice.doctor.deployment import Deployment
from sluice.doctor.findings import DEPLOY, Finding, error, ok, warning
from sluice.names import FUNCTIONS, GLUE_VERSION, RULES


def check_functions(deployment: Deployment) -> Iterator[Finding]:
    """Every function exists and can be called."""
    for key in FUNCTIONS:
        name = deployment.settings.prefix + key
        answer = look_for(
            f"function {name}",
            deployment.clients.lambda_.get_function_configuration,
            FunctionName=name,
        )
        if answer is None:
            yield error("functions", f"function {name} does not exist", DEPLOY)
        elif answer.get("State", "Active") not in {"Active", "Pending"}:
            # A function that nobody called for weeks is Inactive; the next call brings it back, and fails itself.
            what = f"function {name} is {answer['State']}: {answer.get('StateReason', '')}"
            yield error("functions", what.rstrip(": "), f"{DEPLOY}, or call it once with `aws lambda invoke`")
        else:
            yield ok("functions", f"function {name} exists")


def check_rules(deployment: Deployment) -> Iterator[Finding]:
    """Event rules and schedules are switched on and call something."""
    events = deployment.clients.events
    for key in RULES:
        name = deployment.settings.prefix + key
        rule = look_for(f"rule {name}", events.describe_rule, Name=name)
        if rule is None:
            yield error("rules", f"rule {name} does not exist", DEPLOY)
        elif rule.get("State") == "DISABLED":
            yield error("rules", f"rule {name} is switched off", f"aws events enable-rule --name {name}")
        else:
            targets = look_for(f"targets of rule {name}", events.list_targets_by_rule, Rule=name)
            if targets is None or not targets["Targets"]:
                yield error("rules", f"rule {name} calls nothing", DEPLOY)
            else:
                yield ok("rules", f"rule {name} is switched on")


def check_jobs(deployment: Deployment) -> Iterator[Finding]:
    """Both Glue jobs exist and are of the version of Glue that they are made for."""
    for name in (deployment.settings.convert_job, deployment.settings.load_job):
        answer = look_for(f"job {name}", deployment.clients.glue.get_job, JobName=name)
        if answer is None:
            yield error("jobs", f"Glue job {name} does not exist", DEPLOY)
            continue
        version = answer["Job"].get("GlueVersion", "none")
        if version == GLUE_VERSION:
            yield ok("jobs", f"Glue job {name} exists, version {version}")
        else:
            what = f"Glue job {name} has Glue version {version}, and is made for {GLUE_VERSION}"
            yield warning("jobs", what, DEPLOY)


def check_roles(deployment: Deployment) -> Iterator[Finding]:
    """The roles of functions, jobs and state machine exist; a role that was deleted shows only when it is needed."""
    used = _roles(deployment)
    for role in sorted(set(used.values())):
        users = ", ".join(sorted(user for user, arn in used.items() if arn == role))
        name = role.rpartition("/")[2]
        answer = look_for(f"role {name}", deployment.clients.iam.get_role, RoleName=name)
        if answer is None:
            yield error("roles", f"role {name} of {users} does not exist", DEPLOY)
        elif answer["Role"]["Arn"] != role:
            yield error("roles", f"role {role} of {users} is not role {answer['Role']['Arn']}", DEPLOY)
        else:
            yield ok("roles", f"role {name} exists, for {users}")


def _roles(deployment: Deployment) -> dict[str, str]:
    """ARN of the role of everything that exists and has one."""
    clients, settings = deployment.clients, deployment.settings
    roles: dict[str, str] = {}
    for key in FUNCTIONS:
        name = settings.prefix + key
        function = look_for(
            f"function {name}",
            clients.lambda_.get_function_configuration,
            FunctionName=name,
        )
        if function is not None:
            roles[name] = function["Role"]
    for name in (settings.convert_job, settings.load_job):
        job = look_for(f"job {name}", clients.glue.get_job, JobName=name)
        if job is not None and "Role" in job["Job"]:
            roles[name] = _role_arn(deployment, job["Job"]["Role"])
    machine = look_for(
        f"state machine {settings.load_machine}",
        clients.stepfunctions.describe_state_machine,
        stateMachineArn=deployment.arns.machine(settings.load_machine),
    )
    if machine is not None:
        roles[settings.load_machine] = machine["roleArn"]
    return roles


def _role_arn(deployment: Deployment, role: str) -> str:
    """A Glue job may name its role without the rest of its ARN."""
    if role.startswith("arn:"):
        return role
    answer = look_for(f"role {role}", deployment.clients.iam.get_role, RoleName=role)
    return role if answer is None else answer["Role"]["Arn"]

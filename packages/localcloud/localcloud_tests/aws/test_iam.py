"""The door: what a role may not do is AccessDenied in its service's words, and then nothing has happened."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import boto3
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from localcloud.child import LocalCloudProcess
from localcloud.iam.record import questions
from localcloud.redshift.roles import PRINCIPALS
from localcloud_tests.aws.cloud import REGION, Aws, Jobs, eventually, let_s3_send, zip_of
from localcloud_tests.aws.conftest import cloud_config
from localcloud_tests.aws.queries import Queries

ACCOUNT = "000000000000"
Statement = Mapping[str, Any]
OBJECTS = {"Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"], "Resource": "*"}
MACHINE = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
LOG_ACTIONS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]


@dataclass(frozen=True)
class Enforcing:
    """A local cloud that answers denials.

    Attributes:
        aws: Clients of the administrator.
        process: That runs it.
    """

    aws: Aws
    process: LocalCloudProcess

    def role(self, name: str, services: Sequence[str] = (), allows: Sequence[Statement] = ()) -> str:
        """Make a role that trusts services and has rights; its ARN."""
        iam = self.aws.client("iam")
        principal = {"Service": list(services)} if services else {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document([trust]))["Role"]["Arn"]
        self.allow(name, allows)
        return arn

    def allow(self, name: str, allows: Sequence[Statement]) -> None:
        """Give a role its rights, instead of those that it had."""
        iam = self.aws.client("iam")
        if allows:
            whole = document([{"Effect": "Allow", **each} for each in allows])
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=whole)

    def acting(self, role: str, service: str) -> Any:
        """A client that acts as a role."""
        keys = self.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.aws.endpoint_url,
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )


def document(statements: Sequence[Statement]) -> str:
    """A policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of a call's refusal."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enforcing]:
    config = replace(
        cloud_config(tmp_path_factory.mktemp("iam")),
        iam="enforce",
        with_warehouse=True,
        warehouse_port=0,
        warehouse_role="reader",
    )
    with LocalCloudProcess(config) as running:
        yield Enforcing(Aws(running.endpoint_url), running)


def test_a_session_may_do_what_its_role_may_and_no_more(cloud: Enforcing) -> None:
    bucket = cloud.aws.make_bucket("sessions")
    role = cloud.role("writer", allows=[{"Action": "s3:PutObject", "Resource": "arn:aws:s3:::sessions/in/*"}])
    s3 = cloud.acting(role, "s3")
    s3.put_object(Bucket=bucket, Key="in/a", Body=b"x")
    who, denied = f"arn:aws:sts::{ACCOUNT}:assumed-role/writer/test", "s3:PutObject"
    why = f"because no identity-based policy allows the {denied} action"
    message = f"User: {who} is not authorized to perform: {denied} on resource: arn:aws:s3:::sessions/out/a {why}"
    assert refusal(s3.put_object, Bucket=bucket, Key="out/a", Body=b"x") == ("AccessDenied", message)
    assert cloud.aws.keys(bucket) == ["in/a"]
    asked = [(each.request.resource, each.is_allowed) for each in questions(cloud.process.config.iam_record)]
    assert asked[-2:] == [("arn:aws:s3:::sessions/in/a", True), ("arn:aws:s3:::sessions/out/a", False)]


def test_who_hands_a_role_to_a_service_needs_the_right_to_pass_it(cloud: Enforcing) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""
    passed = cloud.role("passed", ["lambda.amazonaws.com"])
    create = {"Action": "lambda:CreateFunction", "Resource": "*"}
    pass_to = {
        "Action": "iam:PassRole",
        "Resource": passed,
        "Condition": {"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}},
    }
    deployer = cloud.role("deployer", allows=[create, pass_to])
    function = {
        "FunctionName": "passed",
        "Runtime": "python3.13",
        "Handler": "code.handler",
        "Role": passed,
        "Code": {"ZipFile": zip_of({"code.py": "def handler(event, context):\n    return event\n"})},
    }
    lambda_ = cloud.acting(deployer, "lambda")
    code, message = refusal(lambda_.create_function, **function)
    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: iam:PassRole on resource: {passed} because no identity-based" in message
    assert cloud.aws.client("lambda").list_functions()["Functions"] == []
    cloud.allow("deployer", [create, {"Action": "iam:PassRole", "Resource": passed}])
    assert lambda_.create_function(**function)["Role"] == passed


def test_a_service_takes_no_role_that_does_not_trust_it(cloud: Enforcing) -> None:
    role = cloud.role("untrusting", ["ec2.amazonaws.com"])
    aws = cloud.aws
    function = {"FunctionName": "untrusted", "Runtime": "python3.13", "Handler": "code.handler", "Role": role}
    assert refusal(aws.client("lambda").create_function, **function, Code={"ZipFile": zip_of({"code.py": ""})}) == (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )
    definition, principal = json.dumps(MACHINE), "states.amazonaws.com"
    verdict = "is authorized to assume the provided role"
    assert refusal(
        aws.client("stepfunctions").create_state_machine, name="untrusted", definition=definition, roleArn=role
    ) == (
        "AccessDeniedException",
        f"Neither the global service principal {principal}, nor the regional one {verdict}.",
    )
    targets = {"S3Targets": [{"Path": "s3://nothing/"}]}
    for named in (role, "untrusting", f"arn:aws:iam::{ACCOUNT}:role/missing"):
        assert refusal(
            aws.client("glue").create_crawler, Name="untrusted", Role=named, DatabaseName="d", Targets=targets
        ) == ("InvalidInputException", "Service is unable to assume provided role. Please verify role's TrustPolicy")
    assert aws.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert aws.client("glue").get_crawlers()["Crawlers"] == []


def test_a_run_fails_with_a_role_that_does_not_trust_glue_or_may_not_read_the_script(cloud: Enforcing) -> None:
    jobs = Jobs(cloud.aws, cloud.aws.make_bucket("scripts"))
    untrusting = cloud.role("no-glue", ["lambda.amazonaws.com"], [OBJECTS])
    blind = cloud.role("blind", ["glue.amazonaws.com"])
    for name, role in (("no-glue", untrusting), ("blind", blind)):
        jobs.create(name, "print('ran')")
        job = cloud.aws.client("glue").get_job(JobName=name)["Job"]
        cloud.aws.client("glue").update_job(JobName=name, JobUpdate={"Role": role, "Command": job["Command"]})
    assert jobs.run("no-glue")["ErrorMessage"].endswith(
        f"Role {untrusting} should be given assume role permissions for Glue Service."
    )
    assert "s3:GetObject on resource: arn:aws:s3:::scripts/scripts/blind.py" in jobs.run("blind")["ErrorMessage"]


def test_a_run_logs_as_its_role_where_the_job_says(cloud: Enforcing) -> None:
    """https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html"""
    jobs, logs = Jobs(cloud.aws, "scripts"), cloud.aws.client("logs")
    groups = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/own/output:*"
    rights = [OBJECTS, {"Action": LOG_ACTIONS, "Resource": groups}]
    role = cloud.role("logging", ["glue.amazonaws.com"], rights)
    for name, prefix in (("own-logs", "/own"), ("no-logs", "/other")):
        jobs.create(name, "print('ran')")
        job = cloud.aws.client("glue").get_job(JobName=name)["Job"]
        given = {"Role": role, "Command": job["Command"], "DefaultArguments": {"--custom-logGroup-prefix": prefix}}
        cloud.aws.client("glue").update_job(JobName=name, JobUpdate=given)
        assert jobs.run(name)["JobRunState"] == "SUCCEEDED"
    found = eventually(lambda: [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]])
    assert found == ["/own/output"]


def test_a_crawl_reads_and_writes_as_its_role(cloud: Enforcing) -> None:
    aws, bucket = cloud.aws, cloud.aws.make_bucket("crawled")
    body = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), body)
    aws.client("s3").put_object(Bucket=bucket, Key="t/day=1/a.parquet", Body=body.getvalue())
    role = cloud.role("crawling", ["glue.amazonaws.com"], [OBJECTS])
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "crawled"})
    glue.create_crawler(
        Name="crawling", Role=role, DatabaseName="crawled", Targets={"S3Targets": [{"Path": "s3://crawled/t/"}]}
    )

    def ended() -> Any:
        crawler = glue.get_crawler(Name="crawling")["Crawler"]
        return crawler["LastCrawl"] if crawler["State"] == "READY" else None

    glue.start_crawler(Name="crawling")
    last = eventually(ended)
    assert last["Status"] == "FAILED"
    assert "AWS-Crawler is not authorized to perform: glue:" in last["ErrorMessage"]
    assert glue.get_tables(DatabaseName="crawled")["TableList"] == []
    cloud.allow("crawling", [OBJECTS, {"Action": "glue:*", "Resource": "*"}])
    glue.start_crawler(Name="crawling")
    assert eventually(ended)["Status"] == "SUCCEEDED"
    assert [table["Name"] for table in glue.get_tables(DatabaseName="crawled")["TableList"]] == ["t"]


def test_copy_and_spectrum_read_as_the_role_that_they_name(cloud: Enforcing) -> None:
    """The warehouse takes the role on, and may then do what it may."""
    aws, bucket = cloud.aws, cloud.aws.make_bucket("loaded")
    body = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([1], pa.int32())}), body)
    aws.client("s3").put_object(Bucket=bucket, Key="t/a.parquet", Body=body.getvalue())
    data = aws.client("redshift-data")

    def run(sql: str) -> tuple[str, str]:
        statement = data.execute_statement(WorkgroupName="sluice", Database="warehouse", Sql=sql)["Id"]

        def ended() -> Any:
            found = data.describe_statement(Id=statement)
            return found if found["Status"] in ("FINISHED", "FAILED") else None

        found = eventually(ended)
        return found["Status"], found.get("Error", "")

    assert run("CREATE TABLE t (a int)") == ("FINISHED", "")
    copy = "COPY t FROM 's3://loaded/t/' IAM_ROLE {} FORMAT AS PARQUET"
    missing = f"arn:aws:iam::{ACCOUNT}:role/missing"
    status, error = run(copy.format(f"'{missing}'"))
    assert (status, f"Not authorized to get credentials of role {missing}" in error) == ("FAILED", True)
    cloud.role("reader", PRINCIPALS, [{"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::loaded"}])
    status, error = run(copy.format("default"))
    assert status == "FAILED"
    assert "assumed-role/reader/RedshiftIamRoleSession is not authorized to perform: s3:GetObject" in error
    schema = "CREATE EXTERNAL SCHEMA {} FROM DATA CATALOG DATABASE 'spectrum' IAM_ROLE default"
    aws.client("glue").create_database(DatabaseInput={"Name": "spectrum"})
    status, error = run(schema.format("before"))
    assert (status, "is not authorized to perform: glue:GetDatabase" in error) == ("FAILED", True)
    cloud.allow("reader", [OBJECTS, {"Action": "glue:Get*", "Resource": "*"}])
    assert run(copy.format("default")) == ("FINISHED", "")
    assert run(schema.format("after")) == ("FINISHED", "")
    assert run("SELECT 1 / (CASE WHEN count(*) = 1 THEN 1 ELSE 0 END) FROM t") == ("FINISHED", ""), "of one COPY"


def test_unload_writes_as_the_role_that_it_names(cloud: Enforcing) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html: CLEANPATH needs s3:DeleteObject."""
    aws, bucket = cloud.aws, cloud.aws.make_bucket("unloaded")
    data, s3 = aws.client("redshift-data"), aws.client("s3")

    def run(options: str) -> tuple[str, str]:
        sql = f"UNLOAD ('SELECT 1') TO 's3://{bucket}/out/' IAM_ROLE '{role}' {options}"
        statement = data.execute_statement(WorkgroupName="sluice", Database="warehouse", Sql=sql)["Id"]

        def ended() -> Any:
            found = data.describe_statement(Id=statement)
            return found if found["Status"] in {"FINISHED", "FAILED"} else None

        found = eventually(ended)
        return found["Status"], found.get("Error", "")

    listing = {"Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    writing = {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    role = cloud.role("unloader", PRINCIPALS, [listing])
    status, error = run("")
    assert (status, "is not authorized to perform: s3:PutObject" in error) == ("FAILED", True), error
    cloud.allow("unloader", [listing, writing])
    assert run("") == ("FINISHED", "")
    status, error = run("CLEANPATH")
    assert (status, "is not authorized to perform: s3:DeleteObject" in error) == ("FAILED", True), error
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["out/0000_part_00"]


def test_a_key_that_lets_the_service_not_in_is_refused(cloud: Enforcing) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html,
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """
    aws, bucket = cloud.aws, cloud.aws.make_bucket("announcing")
    kms, logs, sqs, s3 = (aws.client(name) for name in ("kms", "logs", "sqs", "s3"))
    key = kms.create_key()["KeyMetadata"]["Arn"]
    everything = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    owner = everything | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document([owner]))
    queue = sqs.create_queue(QueueName="announced", Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    arn = let_s3_send(sqs, queue, bucket)
    notification = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}

    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:sealed"
    assert refusal(logs.create_log_group, logGroupName="sealed", kmsKeyId=key) == (
        "AccessDeniedException",
        f"The specified KMS key does not exist or is not allowed to be used with Arn '{group}'",
    )
    assert refusal(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=notification) == (
        "InvalidArgument",
        "Unable to validate the following destination configurations",
    )
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)

    use = everything | {"Principal": {"Service": [f"logs.{REGION}.amazonaws.com", "s3.amazonaws.com"]}}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document([owner, use]))
    logs.create_log_group(logGroupName="sealed", kmsKeyId=key)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=notification)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")

    def told() -> bool:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return any(json.loads(each["Body"]).get("Records") for each in found)

    assert eventually(told)


def test_a_function_reads_its_queue_and_logs_as_its_role(cloud: Enforcing) -> None:
    aws = cloud.aws
    lambda_, sqs, logs = aws.client("lambda"), aws.client("sqs"), aws.client("logs")
    role = cloud.role("reading", ["lambda.amazonaws.com"])
    url = sqs.create_queue(QueueName="read")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    code = {"ZipFile": zip_of({"code.py": "def handler(event, context):\n    print('ran')\n"})}
    lambda_.create_function(
        FunctionName="reading", Runtime="python3.13", Handler="code.handler", Role=role, Code=code, Timeout=5
    )
    assert refusal(lambda_.create_event_source_mapping, EventSourceArn=arn, FunctionName="reading") == (
        "InvalidParameterValueException",
        "The provided execution role does not have permissions to call ReceiveMessage on SQS",
    )
    assert lambda_.list_event_source_mappings()["EventSourceMappings"] == []
    assert "FunctionError" not in lambda_.invoke(FunctionName="reading")
    own = {"logGroupNamePrefix": "/aws/lambda/"}
    assert logs.describe_log_groups(**own)["logGroups"] == []
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/reading:*"
    cloud.allow(
        "reading",
        [
            {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group},
            {"Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], "Resource": arn},
        ],
    )
    lambda_.create_event_source_mapping(EventSourceArn=arn, FunctionName="reading")
    sqs.send_message(QueueUrl=url, MessageBody="one")
    found = eventually(lambda: logs.describe_log_groups(**own)["logGroups"])
    assert [each["logGroupName"] for each in found] == ["/aws/lambda/reading"]


def test_a_machine_whose_role_may_not_deliver_logs_is_refused(cloud: Enforcing) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"""
    states = cloud.aws.client("stepfunctions")
    role = cloud.role("machine", ["states.amazonaws.com"])
    definition = json.dumps(MACHINE)
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:machine:*"
    logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
    made = {"name": "logged", "definition": definition, "roleArn": role, "loggingConfiguration": logging}
    assert refusal(states.create_state_machine, **made) == (
        "AccessDeniedException",
        "The state machine IAM Role is not authorized to access the Log Destination",
    )
    cloud.allow("machine", [{"Action": "logs:*", "Resource": "*"}])
    states.create_state_machine(**made)


def test_a_grant_lets_one_role_use_a_key_within_its_constraints(cloud: Enforcing) -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/grants.html"""
    kms = cloud.aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    owner = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document([owner]))
    role = cloud.role("grantee")
    part = cloud.acting(role, "kms")
    context = {"department": "sales", "shop": "7"}
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    asked = {"CiphertextBlob": sealed, "EncryptionContext": context}
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/grantee/test"
    why = "because no identity-based policy allows the kms:Decrypt action"
    denied = f"User: {who} is not authorized to perform: kms:Decrypt on resource: {key} {why}"
    assert refusal(part.decrypt, **asked) == ("AccessDeniedException", denied)

    def grant(**constraints: Any) -> str:
        made = kms.create_grant(KeyId=key, GranteePrincipal=role, Operations=["Decrypt"], Constraints=constraints)
        return str(made["GrantId"])

    narrow = grant(EncryptionContextEquals={"department": "sales"})
    assert refusal(part.decrypt, **asked)[0] == "AccessDeniedException"
    wide = grant(EncryptionContextSubset={"department": "sales"})
    assert part.decrypt(**asked)["Plaintext"] == b"x"
    # It is for one operation of one role, and a deny goes before it.
    assert refusal(part.encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"
    assert refusal(cloud.acting(cloud.role("stranger"), "kms").decrypt, **asked)[0] == "AccessDeniedException"
    cloud.allow("grantee", [{"Effect": "Deny", "Action": "kms:*", "Resource": "*"}])
    assert "with an explicit deny" in refusal(part.decrypt, **asked)[1]
    cloud.aws.client("iam").delete_role_policy(RoleName="grantee", PolicyName="own")
    assert {each["GrantId"] for each in kms.list_grants(KeyId=key)["Grants"]} == {narrow, wide}
    kms.revoke_grant(KeyId=key, GrantId=wide)
    assert refusal(part.decrypt, **asked) == ("AccessDeniedException", denied)


def test_who_makes_grants_is_judged_by_what_they_are_like(cloud: Enforcing) -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"""
    key = cloud.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    only = {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt", "RetireGrant"]}}
    maker = cloud.role("maker", allows=[{"Action": "kms:CreateGrant", "Resource": key, "Condition": only}])
    kms, role = cloud.acting(maker, "kms"), cloud.role("retired")
    refused = refusal(kms.create_grant, KeyId=key, GranteePrincipal=role, Operations=["Encrypt"])
    assert refused[0] == "AccessDeniedException"
    assert "kms:CreateGrant" in refused[1]
    made = kms.create_grant(KeyId=key, GranteePrincipal=role, Operations=["Decrypt", "RetireGrant"])
    # Whoever makes a grant may not take it back for that; who has the operation retires it.
    assert refusal(kms.revoke_grant, KeyId=key, GrantId=made["GrantId"])[0] == "AccessDeniedException"
    cloud.acting(role, "kms").retire_grant(GrantToken=made["GrantToken"])
    assert cloud.aws.client("kms").list_grants(KeyId=key)["Grants"] == []


def test_a_role_comes_into_the_warehouse_as_its_own_user(cloud: Enforcing) -> None:
    """https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html"""
    run = {"Action": ["redshift-data:ExecuteStatement", "redshift-data:DescribeStatement"], "Resource": "*"}
    role = cloud.role("clerk", allows=[run])
    asked = {"WorkgroupName": "sluice", "Database": "warehouse"}
    data = cloud.acting(role, "redshift-data")
    refused = refusal(data.execute_statement, Sql="SELECT 1", **asked)
    assert refused[0] == "AccessDeniedException"
    assert "not authorized to perform: redshift-serverless:GetCredentials" in refused[1]
    assert (
        "redshift:GetClusterCredentialsWithIAM"
        in refusal(data.execute_statement, Sql="SELECT 1", Database="warehouse", ClusterIdentifier="sluice")[1]
    )

    cloud.allow("clerk", [run, {"Action": "redshift-serverless:GetCredentials", "Resource": "*"}])
    administrator = cloud.aws.client("redshift-data")
    assert ended(data, data.execute_statement(Sql="CREATE SCHEMA mine", **asked)["Id"]) == (
        "FAILED",
        "ERROR: permission denied for database warehouse",
    )
    granted = administrator.execute_statement(Sql='GRANT CREATE ON DATABASE warehouse TO "IAMR:clerk"', **asked)
    assert ended(administrator, granted["Id"]) == ("FINISHED", "")
    assert ended(data, data.execute_statement(Sql="CREATE SCHEMA mine", **asked)["Id"]) == ("FINISHED", "")


def test_a_driver_comes_in_with_a_temporary_password_of_its_role(cloud: Enforcing) -> None:
    """https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_GetCredentials.html"""
    role = cloud.role("driver", allows=[{"Action": "redshift-serverless:GetWorkgroup", "Resource": "*"}])
    serverless, cluster = cloud.acting(role, "redshift-serverless"), cloud.acting(role, "redshift")
    place = serverless.get_workgroup(workgroupName="sluice")["workgroup"]["endpoint"]
    asked = {"workgroupName": "sluice", "dbName": "warehouse"}
    denied = refusal(serverless.get_credentials, **asked)[1]
    assert "not authorized to perform: redshift-serverless:GetCredentials" in denied
    by_cluster = {"ClusterIdentifier": "sluice", "DbName": "warehouse"}
    denied = refusal(cluster.get_cluster_credentials_with_iam, **by_cluster)[1]
    assert "redshift:GetClusterCredentialsWithIAM" in denied
    assert ":dbname:sluice/warehouse because" in denied

    allowed = ["redshift-serverless:GetCredentials", "redshift:GetClusterCredentialsWithIAM"]
    cloud.allow("driver", [{"Action": allowed, "Resource": "*"}])
    for found, kind in (
        (serverless.get_credentials(**asked), ("dbUser", "dbPassword")),
        (cluster.get_cluster_credentials_with_iam(**by_cluster), ("DbUser", "DbPassword")),
    ):
        user, password = (found[name] for name in kind)
        assert user == "iamr:driver"
        login = {"host": place["address"], "port": place["port"], "dbname": "warehouse", "user": user}
        with psycopg.connect(password=password, **login, prepare_threshold=None) as connection:
            assert connection.execute("SELECT current_user").fetchall() == [("iamr:driver",)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE SCHEMA driven")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(password=f"{password}x", **login)
    assert refusal(serverless.get_credentials, workgroupName="another")[0] == "ResourceNotFoundException"
    assert refusal(serverless.get_credentials, **asked, durationSeconds=10)[0] == "ValidationException"
    administrator = cloud.aws.client("redshift-serverless").get_credentials(**asked)
    assert administrator["dbUser"] == "sluice"


def test_a_task_of_a_machine_comes_into_the_warehouse_as_the_machines_user(cloud: Enforcing) -> None:
    states = cloud.aws.client("stepfunctions")
    allows = [{"Action": ["redshift-data:*", "redshift-serverless:GetCredentials"], "Resource": "*"}]
    machine = {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:redshiftdata:executeStatement",
                "Parameters": {"WorkgroupName": "sluice", "Database": "warehouse", "Sql": "SELECT current_user"},
                "End": True,
            }
        },
    }
    role = cloud.role("asker", ["states.amazonaws.com"], allows)
    arn = states.create_state_machine(name="asking", definition=json.dumps(machine), roleArn=role)["stateMachineArn"]
    run = states.start_execution(stateMachineArn=arn)["executionArn"]

    def over() -> Any:
        found = states.describe_execution(executionArn=run)
        return found if found["status"] != "RUNNING" else None

    done = eventually(over)
    assert done["status"] == "SUCCEEDED", done
    data = cloud.aws.client("redshift-data")
    statement = json.loads(done["output"])["Id"]
    assert ended(data, statement) == ("FINISHED", "")
    [[user]] = data.get_statement_result(Id=statement)["Records"]
    assert user == {"stringValue": "iamr:asker"}


def ended(data: Any, statement: str) -> tuple[str, str]:
    """Status and error of a statement, once it is through."""

    def over() -> Any:
        found = data.describe_statement(Id=statement)
        return found if found["Status"] in {"FINISHED", "FAILED", "ABORTED"} else None

    found = eventually(over)
    return found["Status"], found.get("Error", "").partition("\n")[0]


def test_a_query_of_athena_reads_and_writes_as_its_caller(cloud: Enforcing) -> None:
    queries = Queries(cloud.aws, cloud.aws.make_bucket("athena-callers"))
    queries.create_database()
    queries.create_table("sold", {"id": "bigint"})
    queries.put("sold/a.parquet", pa.table({"id": pa.array([1, 2], pa.int64())}))
    whole = "arn:aws:s3:::athena-callers"
    query: list[Statement] = [
        {"Action": ["athena:*"], "Resource": f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/primary"},
        {"Action": ["s3:GetBucketLocation", "s3:ListBucket"], "Resource": whole},
        {"Action": ["s3:PutObject", "s3:GetObject"], "Resource": f"{whole}/_results/*"},
        {"Action": ["glue:GetTable", "glue:GetPartitions"], "Resource": "*"},
    ]
    role = cloud.role("analyst", allows=query)
    mine = Queries(replace(cloud.aws, _made={"athena": cloud.acting(role, "athena")}), queries.bucket)
    count, more = "SELECT count(*) FROM sold", "INSERT INTO sold VALUES (3)"
    made = "CREATE TABLE made AS SELECT 1 AS id"
    # The administrator's query leaves the body in the cache, from which the role may not read.
    assert queries.rows(count) == [("2",)]
    assert "Error opening Hive split s3://athena-callers/sold/a.parquet" in mine.run(count).state
    cloud.allow("analyst", [*query, {"Action": "s3:GetObject", "Resource": f"{whole}/sold/*"}])
    assert mine.rows(count) == [("2",)]
    assert mine.run(more).state.startswith(
        "FAILED HIVE_WRITER_OPEN_ERROR: Error creating file s3://athena-callers/sold/"
    )
    assert "is not authorized to perform: glue:CreateTable" in mine.run(made).state
    assert cloud.aws.keys("athena-callers", "sold/") == ["sold/a.parquet"]
    assert queries.rows("SHOW TABLES") == [("sold",)]
    write: list[Statement] = [
        {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"{whole}/sold/*"},
        {"Action": "glue:CreateTable", "Resource": "*"},
    ]
    cloud.allow("analyst", [*query, *write])
    assert (mine.run(more).state, mine.run(made).state) == ("SUCCEEDED", "SUCCEEDED")
    assert mine.rows(count) == [("3",)]
    cloud.aws.client("athena").create_work_group(Name="others", Configuration={})
    code, message = refusal(mine.start, sql=count, WorkGroup="others")
    assert code == "AccessDeniedException"
    assert "athena:StartQueryExecution on resource: " in message

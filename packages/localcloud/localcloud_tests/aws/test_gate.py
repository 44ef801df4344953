"""A web page in the developer's browser attacks a running local cloud; other users look into its folder."""

import http.client
import json
import os
import socket
import stat
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localcloud import child
from localcloud.child import LocalCloudProcess
from localcloud.errors import LocalCloudError
from localcloud.options import to_arguments
from localcloud_tests.aws.cloud import Aws, zip_of
from localcloud_tests.aws.conftest import cloud_config

EVIL = "https://evil.example"
# The requests that a browser sends to another origin without asking it first (CORS-safelisted), as text/plain.
FUNCTIONS = "/2015-03-31/functions"


def request(
    cloud: LocalCloudProcess,
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    host: str | None = None,
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer to exactly these bytes."""
    address = cloud.endpoint_url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": host or address, "Content-Length": str(len(body)), **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def stolen(tmp_path: Path) -> bytes:
    """The request that makes a function which would write a file as the user."""
    code = f"def handler(event, context):\n    open({str(tmp_path / 'stolen')!r}, 'w')\n"
    function = {
        "FunctionName": "probe",
        "Runtime": "python3.13",
        "Handler": "code.handler",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": {"ZipFile": b64encode(zip_of({"code.py": code})).decode()},
    }
    return json.dumps(function).encode()


BROWSER = (
    pytest.param({"Origin": EVIL}, None, id="fetch"),
    pytest.param({"Origin": "null"}, None, id="sandboxed frame"),
    pytest.param({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, None, id="image or link"),
    pytest.param({"Referer": f"{EVIL}/"}, None, id="old browser"),
    pytest.param({}, "evil.example:4566", id="rebound name"),
    pytest.param({"Sec-Fetch-Site": "same-origin"}, "evil.example:4566", id="rebound name, new browser"),
)


@pytest.mark.parametrize(("headers", "host"), BROWSER)
def test_a_page_makes_and_runs_no_function(
    cloud: LocalCloudProcess, aws: Aws, tmp_path: Path, headers: dict[str, str], host: str | None
) -> None:
    text = {**headers, "Content-Type": "text/plain"}
    status, answered, _ = request(cloud, "POST", FUNCTIONS, text, stolen(tmp_path), host)
    assert status == 403
    assert not [name for name in answered if name.startswith("access-control")]
    with pytest.raises(ClientError, match="Function not found"):
        aws.client("lambda").get_function(FunctionName="probe")
    assert request(cloud, "POST", f"{FUNCTIONS}/probe/invocations", text, b"{}", host)[0] == 403
    assert not (tmp_path / "stolen").exists()


def test_the_attack_would_work_from_a_program(cloud: LocalCloudProcess, aws: Aws, tmp_path: Path) -> None:
    """So that the refusals above are the gate's, and not those of a request that nobody could make."""
    assert request(cloud, "POST", FUNCTIONS, {"Content-Type": "text/plain"}, stolen(tmp_path))[0] == 201
    assert request(cloud, "POST", f"{FUNCTIONS}/probe/invocations", {}, b"{}")[0] == 200
    assert (tmp_path / "stolen").exists()
    aws.client("lambda").delete_function(FunctionName="probe")


@pytest.mark.parametrize(("headers", "host"), BROWSER)
def test_a_page_reads_and_sends_nothing(
    cloud: LocalCloudProcess, aws: Aws, bucket: str, headers: dict[str, str], host: str | None
) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key="private", Body=b"secret")
    queue = aws.client("sqs").create_queue(QueueName="attacked")["QueueUrl"]
    path = queue.removeprefix(cloud.endpoint_url)
    for target in (f"/{bucket}/private", f"{path}?Action=SendMessage&MessageBody=x", "/_ministack/health"):
        status, answered, body = request(cloud, "GET", target, headers, host=host)
        assert (status, "secret" in body) == (403, False)
        assert not [name for name in answered if name.startswith("access-control")]
    assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=queue)
    assert request(cloud, "DELETE", f"/{bucket}/private", headers, host=host)[0] == 403
    assert aws.body(bucket, "private") == b"secret"


def test_a_browser_that_asks_first_is_told_no(cloud: LocalCloudProcess) -> None:
    preflight = {
        "Origin": EVIL,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-amz-target",
    }
    status, answered, _ = request(cloud, "OPTIONS", "/", preflight)
    assert status == 403
    assert not [name for name in answered if name.startswith("access-control")]


def test_no_answer_allows_an_origin(cloud: LocalCloudProcess, bucket: str) -> None:
    for method, path in (("GET", f"/{bucket}"), ("GET", "/_ministack/health"), ("GET", "/no-such"), ("OPTIONS", "/")):
        _, answered, _ = request(cloud, method, path)
        assert not [name for name in answered if name.startswith("access-control")], (method, path)


def test_a_page_opens_no_web_socket(cloud: LocalCloudProcess) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": EVIL,
    }
    assert request(cloud, "GET", "/", upgrade)[0] == 403


def test_two_hosts_are_one_too_many(cloud: LocalCloudProcess) -> None:
    host, port = cloud.endpoint_url.removeprefix("http://").split(":")
    lines = f"GET /_ministack/health HTTP/1.1\r\nHost: {host}:{port}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(lines.encode())
        status_line = connection.makefile("rb").readline()
    assert status_line.split()[1] in (b"400", b"403")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudProcess]:
    """A local cloud that has a name, in a folder that was open to all, started under a mask that hides nothing."""
    folder = tmp_path_factory.mktemp("open") / "state"
    folder.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        config = replace(cloud_config(folder), host_names=("cloud",), warehouse_password=None)
        with LocalCloudProcess(config) as running:
            yield running
    finally:
        os.umask(before)


def test_a_container_s_name_is_answered_when_it_is_told(own: LocalCloudProcess, cloud: LocalCloudProcess) -> None:
    assert request(own, host="cloud:4566")[0] == 200
    assert request(cloud, host="cloud:4566")[0] == 403


def test_what_it_keeps_is_the_user_s_alone(own: LocalCloudProcess) -> None:
    aws = Aws(own.endpoint_url)
    aws.make_bucket("raw")
    aws.client("s3").put_object(Bucket="raw", Key="a/b", Body=b"secret")
    aws.client("secretsmanager").create_secret(Name="warehouse", SecretString="a password")
    aws.client("lambda")
    folder = own.config.state_dir
    own.stop()
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert any(b"a password" in path.read_bytes() for path in modes if path.is_file())
    assert {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


@pytest.fixture
def poisoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data that the user stands in, with modules which tell when they are imported."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("h2", "json", "botocore", "code", "sitecustomize", "localcloud", "sluice"):
        (folder / f"{name}.py").write_text(
            f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r})\nraise SystemExit(3)\n"
        )
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("python_path", [None, "", os.pathsep, f".{os.pathsep}"])
def test_nothing_is_imported_from_the_folder_that_the_user_stands_in(
    poisoned: Path, monkeypatch: pytest.MonkeyPatch, python_path: str | None
) -> None:
    if python_path is not None:
        monkeypatch.setenv("PYTHONPATH", python_path)
    with LocalCloudProcess(cloud_config(poisoned.parent / "state")) as running:
        answer = Aws(running.endpoint_url).client("s3").list_buckets()
    assert answer["Buckets"] == []
    assert not (poisoned.parent / "imported").exists()


def test_a_start_that_prints_something_else_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It does not listen either: whoever waited for its end would wait for long.
    (tmp_path / "sitecustomize.py").write_text(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('hello from a site', flush=True)\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(
        LocalCloudError, match=r"answered 'hello from a site' at its start, which is not JSON; see .*\.log"
    ):
        LocalCloudProcess(cloud_config(tmp_path / "state")).start()


def test_a_child_that_nobody_listens_to_any_more_ends(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "localcloud", *to_arguments(cloud_config(tmp_path / "state"))]
    ended = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writes)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "BrokenPipeError: [Errno 32] Broken pipe"


def test_one_that_does_not_stop_is_killed_and_says_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    running = LocalCloudProcess(cloud_config(tmp_path / "state"))
    running.start()
    pid = running.pid
    monkeypatch.setattr(child, "STOP_SECONDS", 0.1)
    monkeypatch.setattr(subprocess.Popen, "terminate", lambda _: None)  # as if it did not listen
    with pytest.raises(LocalCloudError, match="did not stop within 0 s and was killed; standard error has"):
        running.stop()
    assert not Path(f"/proc/{pid}").exists()
    assert not running.is_running
    assert "Current thread" in capfd.readouterr().err

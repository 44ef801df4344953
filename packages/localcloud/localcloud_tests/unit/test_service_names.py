"""Which service a request is for, where MiniStack has no route: known without reading every model of boto3."""

import botocore.session
import pytest

from localcloud import registry

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20261120/eu-central-1/{}/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that MiniStack is asked for after all, which reads the models."""
    from ministack.core import router

    names: list[str] = []

    def by_models(name: str) -> bool:
        names.append(name)
        return name == "old-name"

    monkeypatch.setattr(router, "_is_aws_service_name", by_models)
    registry.know_services_by_name()
    return names


def service_of(scope: str) -> str:
    from ministack.core import router

    headers = {"authorization": SIGNED.format(scope), "host": "127.0.0.1"}
    return str(router.detect_service("POST", "/", headers, {}))


def test_services_of_boto3_and_of_the_local_cloud_are_known(asked: list[str]) -> None:
    others = ["redshift-data", "glacier", "pinpoint"]
    assert others[0] in botocore.session.get_session().get_available_services()
    assert [service_of(name) for name in others] == others
    assert asked == []


def test_other_names_are_asked_for(asked: list[str]) -> None:
    assert [service_of(name) for name in ("old-name", "nonsense")] == ["old-name", "s3"]
    assert asked == ["old-name", "nonsense"]

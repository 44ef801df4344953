"""Tags of jobs and crawlers, which MiniStack takes when they are made and forgets."""

from collections.abc import Mapping
from typing import Any

from localcloud import registry
from localcloud.routing import ActionRouter


def keep_tags(glue: ActionRouter, kind: str, name: str, tags: Mapping[str, str] | None) -> None:
    """Tag what was just made.

    Args:
        glue: keeps the tags.
        kind: of the resource, as in its ARN.
        name: of the resource.
        tags: as the request has them.
    """
    if tags:
        glue.call_inner("AWSGlue.TagResource", {"ResourceArn": _arn(kind, name), "TagsToAdd": dict(tags)})


def forget_tags(glue: ActionRouter, kind: str, name: str) -> None:
    """Take the tags off what is gone: the next of its name begins without."""
    arn = {"ResourceArn": _arn(kind, name)}
    tags: dict[str, Any] = glue.call_inner("AWSGlue.GetTags", arn)["Tags"]
    glue.call_inner("AWSGlue.UntagResource", arn | {"TagsToRemove": list(tags)})


def _arn(kind: str, name: str) -> str:
    account_id, region = registry.current_scope()
    return f"arn:aws:glue:{region}:{account_id}:{kind}/{name}"

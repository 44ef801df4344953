"""Glue's API of crawlers where MiniStack's is not AWS's: tags, and the setting of lineage."""

from typing import Any

from localcloud.glue.tags import forget_tags, keep_tags
from localcloud.routing import ActionRouter

# Source: https://docs.aws.amazon.com/glue/latest/webapi/API_LineageConfiguration.html
NO_LINEAGE = {"CrawlerLineageSettings": "DISABLE"}


class CrawlerApi:
    """The actions of crawlers that are ours; a crawl itself stays MiniStack's."""

    def __init__(self, glue: ActionRouter) -> None:
        """Answer over MiniStack's crawlers.

        Args:
            glue: keeps them.
        """
        self._glue = glue

    def install(self) -> None:
        """Take over the actions."""
        self._glue.add("CreateCrawler", self.create_crawler)
        self._glue.add("DeleteCrawler", self.delete_crawler)

    def create_crawler(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateCrawler, with its tags; lineage is off unless the request says otherwise."""
        lineage = request.get("LineageConfiguration") or NO_LINEAGE
        answer = self._glue.call_inner("AWSGlue.CreateCrawler", request | {"LineageConfiguration": lineage})
        keep_tags(self._glue, "crawler", request["Name"], request.get("Tags"))
        return answer

    def delete_crawler(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteCrawler, and its tags."""
        answer = self._glue.call_inner("AWSGlue.DeleteCrawler", request)
        forget_tags(self._glue, "crawler", request["Name"])
        return answer

"""Saved queries of CloudWatch Logs Insights, which MiniStack lacks; they are kept in a file of their own.

Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html
"""

import json
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from localcloud import registry
from localcloud.errors import AwsApiError
from localcloud.registry import Handler
from localcloud.routing import ActionRouter

MAX_PER_PAGE = 1000
KEPT = ("logGroupNames", "name", "parameters", "queryLanguage", "queryString")


def saved_queries(logs: Handler, state_dir: Path) -> ActionRouter:
    """A handler of CloudWatch Logs that knows saved queries.

    Args:
        logs: MiniStack's handler.
        state_dir: where they are kept.
    """
    queries = SavedQueries(state_dir / "saved_queries.json")
    actions = {
        "PutQueryDefinition": queries.put_query_definition,
        "DescribeQueryDefinitions": queries.describe_query_definitions,
        "DeleteQueryDefinition": queries.delete_query_definition,
    }
    return ActionRouter(logs, actions)


class SavedQueries:
    """The saved queries of all accounts and regions."""

    def __init__(self, path: Path) -> None:
        """Read what is kept.

        Args:
            path: of the file; it need not be there.
        """
        self._path = path
        self._lock = threading.Lock()
        # by account and region, and by the query's id
        self._queries: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_bytes()) if path.exists() else {}

    def put_query_definition(self, request: dict[str, Any]) -> dict[str, Any]:
        """PutQueryDefinition: a new one, or another text for one that is there."""
        if not request.get("name") or not request.get("queryString"):
            raise AwsApiError("InvalidParameterException", "name and queryString are required")
        with self._lock:
            mine, given = self._mine(), request.get("queryDefinitionId")
            if given is not None and given not in mine:
                raise _unknown(given)
            query_id = given or str(uuid.uuid4())
            kept = {name: request[name] for name in KEPT if name in request}
            moment = {"queryDefinitionId": query_id, "lastModified": round(time.time() * 1000)}
            mine[query_id] = {"queryLanguage": "CWLI", **kept, **moment}
            self._save()
        return {"queryDefinitionId": query_id}

    def describe_query_definitions(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeQueryDefinitions, by name, in pages."""
        prefix, language = request.get("queryDefinitionNamePrefix", ""), request.get("queryLanguage")
        with self._lock:
            found = [
                query
                for query in sorted(
                    self._mine().values(), key=lambda query: (query["name"], query["queryDefinitionId"])
                )
                if query["name"].startswith(prefix) and language in (None, query["queryLanguage"])
            ]
        start = int(request.get("nextToken") or 0)
        end = start + int(request.get("maxResults") or MAX_PER_PAGE)
        page: dict[str, Any] = {"queryDefinitions": found[start:end]}
        return page if end >= len(found) else page | {"nextToken": str(end)}

    def delete_query_definition(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteQueryDefinition."""
        with self._lock:
            if self._mine().pop(str(request.get("queryDefinitionId")), None) is None:
                raise _unknown(request.get("queryDefinitionId"))
            self._save()
        return {"success": True}

    def _mine(self) -> dict[str, dict[str, Any]]:
        return self._queries.setdefault("/".join(registry.current_scope()), {})

    def _save(self) -> None:
        whole = self._path.with_suffix(".new")
        whole.write_text(json.dumps(self._queries), encoding="utf-8")
        whole.replace(self._path)


def _unknown(query_id: object) -> AwsApiError:
    return AwsApiError("ResourceNotFoundException", f"There is no query definition {query_id}")

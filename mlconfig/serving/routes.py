"""Which path means what, whether or not a prefix was stripped on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mlconfig.contracts.protocol import GET, JSON, POST, Operation, Protocol
from mlconfig.errors import ServingError

OWN = "endpoint"
"""Who answers at the paths that belong to no protocol."""

_OWN_AT_ENDPOINT = (
    Operation("feedback", "/v1/{endpoint}/feedback", POST, "control", (JSON,), (), "feedback"),
    Operation("metadata", "/v1/{endpoint}", GET, "tell", scope="predict"),
    Operation("metadata", "/v1/{endpoint}/", GET, "tell", scope="predict"),
)
_OWN_ANYWHERE = (
    Operation("healthz", "/healthz", GET, "tell", scope=None),
    Operation("readyz", "/readyz", GET, "tell", scope=None),
    Operation("openapi", "/openapi.json", GET, "tell", scope=None),
    Operation("metrics", "/metrics", GET, "tell", scope="admin"),
)


class Route(NamedTuple):
    """One path: whose it is, what it means there, and what stood in its variable segments."""

    owner: str
    operation: Operation
    values: Mapping[str, str] = {}


class Routes:
    """The paths of one endpoint.

    What names the endpoint is found below ``/v1``; all else, such as the probes, at the root and below ``/v1/{endpoint}``, for
    endpoints that have to leave the root to another one. Raises ServingError when two claim one path.
    """

    def __init__(self, endpoint: str, protocols: Mapping[str, Protocol]) -> None:
        self._routes: dict[str, Route] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        for operation in _OWN_AT_ENDPOINT:
            self._add(operation.path.replace("{endpoint}", endpoint), OWN, operation)
        for operation in _OWN_ANYWHERE:
            for path in (operation.path, f"/v1/{endpoint}{operation.path}"):
                self._add(path, OWN, operation)
        for name, protocol in protocols.items():
            for operation in protocol.operations():
                for path in _paths(operation, endpoint):
                    self._add(path, name, operation)

    def _add(self, path: str, owner: str, operation: Operation) -> None:
        if "{" in path:
            parts = re.split(r"\{(\w+)\}", path)
            text = "".join(f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts))
            self._patterns.append((re.compile(text), Route(owner, operation)))
            return
        if path in self._routes:
            claimed = f"`{self._routes[path].owner}` and `{owner}` both answer at {path}"
            raise ServingError(claimed, "serving.protocols", "name one of them")
        self._routes[path] = Route(owner, operation)

    def find(self, path: str, root: str = "") -> Route | None:
        """The route of a path. ``root`` (ASGI's ``root_path``) may be part of the path, or may have been stripped from it:
        servers differ.
        """
        found = self._routes.get(path)
        if found is not None or (not root and not self._patterns):
            return found
        candidates = (path, root + path, path.removeprefix(root)) if root else (path,)
        for candidate in candidates:
            found = self._routes.get(candidate)
            if found is not None:
                return found
            for pattern, route in self._patterns:
                match = pattern.fullmatch(candidate)
                if match is not None:
                    return Route(route.owner, route.operation, match.groupdict())
        return None


def _paths(operation: Operation, endpoint: str) -> Iterator[str]:
    path = operation.path.replace("{endpoint}", endpoint)
    yield path
    if not path.startswith(f"/v1/{endpoint}"):
        yield f"/v1/{endpoint}{path}"

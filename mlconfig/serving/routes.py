"""Which path means what, whether or not a prefix was stripped on the way."""

from __future__ import annotations

from typing import Literal, NamedTuple

Name = Literal["predict", "feedback", "metadata", "healthz", "readyz", "openapi", "metrics"]


class Route(NamedTuple):
    """One path: what it means and the methods it takes."""

    name: Name
    methods: tuple[str, ...]


GET, POST = ("GET", "HEAD"), ("POST",)


class Routes:
    """The paths of one endpoint. The probes, the document and the metrics answer at the root and below the endpoint."""

    def __init__(self, endpoint: str) -> None:
        top = f"/v1/{endpoint}"
        self._routes = {
            f"{top}/predict": Route("predict", POST),
            f"{top}/feedback": Route("feedback", POST),
            top: Route("metadata", GET),
            f"{top}/": Route("metadata", GET),
        }
        for prefix in ("", top):
            self._routes[f"{prefix}/healthz"] = Route("healthz", GET)
            self._routes[f"{prefix}/readyz"] = Route("readyz", GET)
            self._routes[f"{prefix}/openapi.json"] = Route("openapi", GET)
            self._routes[f"{prefix}/metrics"] = Route("metrics", GET)

    def find(self, path: str, root: str = "") -> Route | None:
        """The route of a path. ``root`` (ASGI's ``root_path``) may be part of the path, or may have been stripped from it:
        servers differ.
        """
        found = self._routes.get(path)
        if found is not None or not root:
            return found
        return self._routes.get(root + path) or self._routes.get(path.removeprefix(root))

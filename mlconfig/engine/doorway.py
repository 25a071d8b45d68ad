"""The endpoint's door as a recipe declares it: its guard with secrets resolved, and what keeps the guard up to date."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from mlconfig.contracts import Authenticator, Context, Premises
from mlconfig.contracts.catalog import Catalog
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import ServingError
from mlconfig.lifecycle.keys import KeyReader
from mlconfig.sections import Serving
from mlconfig.sections.engine import is_loopback
from mlconfig.serving.access import Access
from mlconfig.serving.guard_poll import GuardPoller


def access_of(
    workspace: Workspace, endpoint: str, serving: Serving, plugins: Sequence[str]
) -> tuple[Access, GuardPoller | None]:
    """The door of one replica, and its poller, not started; null where everybody is let in.

    Raises:
        PluginError, EngineError: the authenticator cannot be made, or lacks a secret.
    """
    if serving.auth == "none":
        return Access(), None
    params = workspace.resolve(dict(serving.auth.params))
    made = Catalog(workspace.project, plugins).create(
        "authenticator", serving.auth.name, params, Context(workspace.project)
    )
    assert isinstance(made, Authenticator)
    guard = made.guard(Premises(endpoint, workspace.storage))
    source = KeyReader(workspace.state_uri) if made.tags.keys else None
    return Access(guard, serving.rate_limit), GuardPoller(guard, endpoint, source, copy_of_keys(workspace, endpoint))


def copy_of_keys(workspace: Workspace, endpoint: str) -> Path:
    """Where replicas keep what they know of the keys."""
    return workspace.storage / "keys" / f"{endpoint}.json"


def check_guard(workspace: Workspace, endpoint: str, serving: Serving, plugins: Sequence[str]) -> None:
    """Have a guard fetch what it needs, as replicas will: without an issuer's keys they would let nobody in.

    Raises:
        PluginError, EngineError: it cannot be made, lacks a secret, or does not get what it needs.
    """
    guard = access_of(workspace, endpoint, serving, plugins)[0].guard
    if guard is not None:
        guard.refresh(time.time())


def refuse_open_to_all(url: str, serving: Serving) -> None:
    """Raise ServingError where everybody would be let in on an address that others can reach."""
    host = urlsplit(url).hostname or ""
    if serving.auth == "none" and not is_loopback(host):
        raise ServingError(
            f"Ray Serve listens on {host}, and without keys only loopback is allowed",
            "serving.auth",
            "write serving.auth: keys, and make keys with `mlconfig keys create`",
        )

"""The keys of a recipe's endpoint: made, listed and revoked in the state database; replicas see it within a second."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from mlconfig.engine.live import has_state
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError
from mlconfig.lifecycle.keys import KeptKey
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep
from mlconfig.records.key_table import KeyRow, Pepper, Scope, draw_key

SHORTEST_PEPPER = 16


@dataclass(frozen=True)
class MadeKey:
    """A new key: what is kept of it, and the key itself, which nobody can show again."""

    endpoint: str
    row: KeyRow
    key: str


def create_key(
    workspace: Workspace, plan: Plan, client: str, scopes: Sequence[Scope], lifetime: timedelta | None, now: float
) -> MadeKey:
    """Make a key for a client.

    Args:
        workspace, plan: the recipe's.
        client: who gets it.
        scopes: what it allows.
        lifetime: until it expires; null for never.
        now: seconds since 1970.

    Raises:
        EngineError: the endpoint takes no keys, or the pepper's secret is missing.
        StateError: the client has two live keys, or the pepper's file is gone.
    """
    deploy = _deploy(plan)
    if deploy.serving.auth == "none" or deploy.serving.auth.name != "keys":
        given = "none" if deploy.serving.auth == "none" else deploy.serving.auth.name
        raise EngineError(f"is `{given}`, so nobody is asked for a key", "serving.auth", "write serving.auth: keys")
    workspace.prepare()
    with Store.open(workspace.state_uri) as store:
        pepper = _pepper(workspace, deploy, made_before=bool(store.keys.table(deploy.endpoint).keys))
        key_id, key = draw_key()
        row = KeyRow(
            id=key_id,
            client=client,
            scopes=tuple(dict.fromkeys(scopes)),
            digest=pepper.digest(key.encode()).hex(),
            created_at=now,
            expires=None if lifetime is None else now + lifetime.total_seconds(),
        )
        store.keys.add(deploy.endpoint, row, _who())
    return MadeKey(deploy.endpoint, row, key)


def list_keys(workspace: Workspace, plan: Plan) -> list[KeptKey]:
    """All keys that there ever were, oldest first. Raises EngineError where there is no endpoint."""
    endpoint = _deploy(plan).endpoint
    if not has_state(workspace):
        return []
    with Store.open(workspace.state_uri) as store:
        return store.keys.all(endpoint)


def revoke_key(workspace: Workspace, plan: Plan, key_id: str, now: float) -> KeptKey:
    """Let a key in no more; returns it as it was before. Raises StateError where there is no such key."""
    endpoint = _deploy(plan).endpoint
    workspace.prepare()
    with Store.open(workspace.state_uri) as store:
        return store.keys.revoke(endpoint, key_id, now, _who())


def _deploy(plan: Plan) -> DeployStep:
    deploy = plan.find(DeployStep)
    if deploy is None:
        raise EngineError("this recipe has no endpoint", "serving", "keys are of an endpoint")
    return deploy


def _pepper(workspace: Workspace, deploy: DeployStep, *, made_before: bool) -> Pepper:
    """The one that replicas compare with: `builtin.authenticator_keys` reads it at the same places."""
    assert deploy.serving.auth != "none"
    given = deploy.serving.auth.params.get("pepper")
    if given is None:
        return Pepper.open(workspace.storage) if made_before else Pepper.make(workspace.storage)
    secret = workspace.secret(given)
    if len(secret) < SHORTEST_PEPPER:
        raise EngineError(f"has fewer than {SHORTEST_PEPPER} characters", "serving.auth.params.pepper")
    return Pepper(secret.encode())


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user that the system does not know, as in some containers
        return "unknown"

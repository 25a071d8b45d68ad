"""Keeps secrets out of what is said and kept: a plugin's error may repeat the params that it was given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlconfig.engine.workspace import SECRET, Workspace
from mlconfig.errors import EngineError, MlconfigError
from mlconfig.plan.plan import Plan

SHORTEST = 4
"""A shorter secret hides nothing, and would be found in every other word."""


def hidden(text: str, workspace: Workspace, plan: Plan) -> str:
    """A text in which the plan's secrets stand as their markers."""
    for name in dict.fromkeys(SECRET.findall(plan.to_json())):
        marker = f"${{secret:{name}}}"
        with suppress(EngineError):  # one that cannot be resolved was told to nobody
            value = workspace.secret(marker)
            text = text.replace(value, marker) if len(value) >= SHORTEST else text
    return text


@contextmanager
def hiding(workspace: Workspace, plan: Plan) -> Iterator[None]:
    """Errors leave the block without the plan's secrets."""
    try:
        yield
    except MlconfigError as error:
        said = (error.what, error.where, error.hint)
        safe = tuple(hidden(text, workspace, plan) for text in said)
        if error.args != said or safe == said:
            raise
        raise type(error)(*safe) from None

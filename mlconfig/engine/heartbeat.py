"""The controller's sign of life: a small file a recipe, which ``status`` reads without asking the cluster."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mlconfig.engine.workspace import Workspace

STALE_S = 60.0
"""A controller that was not heard of for so long is taken for gone; a turn may take a while."""


@dataclass(frozen=True)
class Heartbeat:
    """``turn`` counts looks at the recipe that found nothing left to do; ``fault`` is what went wrong in the last one."""

    turn: int
    at: float
    fault: str = ""


def _file(workspace: Workspace, name: str) -> Path:
    return workspace.storage / "controller" / f"{name}.json"


def beat(workspace: Workspace, name: str, heartbeat: Heartbeat) -> None:
    """Leave a sign of life. It is not forced to the disk: what matters is in the state database."""
    file = _file(workspace, name)
    file.parent.mkdir(exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}.part")
    draft.write_text(json.dumps(asdict(heartbeat)))
    draft.replace(file)


def last_heartbeat(workspace: Workspace, name: str) -> Heartbeat | None:
    """The last sign of life; None when there is none."""
    with suppress(OSError, ValueError, TypeError):
        return Heartbeat(**json.loads(_file(workspace, name).read_text()))
    return None

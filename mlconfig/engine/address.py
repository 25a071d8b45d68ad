"""Where the endpoints of a project answer."""

from __future__ import annotations

import json

from mlconfig.engine.head.head import find_head
from mlconfig.engine.workspace import Workspace


def base_url(workspace: Workspace) -> str | None:
    """The URL below which the project's endpoints answer; null when nothing was deployed.

    A head of our own knows its port; on a given cluster the URL is kept when the endpoint is deployed.
    """
    if workspace.engine.address is None:
        head = find_head(workspace.storage)
        return f"http://127.0.0.1:{head.http_port}" if head is not None else None
    try:
        kept = json.loads((workspace.storage / "serve.json").read_text())
        return str(kept["url"]) if kept["address"] == workspace.engine.address else None
    except (OSError, ValueError, KeyError):
        return None

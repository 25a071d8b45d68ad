"""Where the endpoints of a project answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from mlconfig.contracts import Protocol
from mlconfig.contracts.catalog import Catalog
from mlconfig.engine.head.head import find_head
from mlconfig.engine.head.record import Door
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError
from mlconfig.sections import Serving


def door_of(workspace: Workspace) -> Door:
    """The door as the recipe declares it. Raises ``EngineError`` where a file of it is missing or of no use."""
    ingress, files = workspace.engine.ingress, []
    for name in ("certificate", "key"):
        given = getattr(ingress.tls, name)
        file = None if given is None else (workspace.project / given).absolute()
        if file is not None and not file.is_file():
            raise EngineError(
                f"there is no file {file}", f"engine.ingress.tls.{name}", "paths are relative to the project"
            )
        files.append("" if file is None else str(file))
    if files[0]:
        _check_pair(*files)
    port = 0 if ingress.port == "auto" else ingress.port
    return Door(name=ingress.name, host=ingress.host, port=port, certificate=files[0], key=files[1])


def _check_pair(certificate: str, key: str) -> None:
    """Ray's proxy would not start, and not say why; nobody is there to be asked for a passphrase."""
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key or None, password=lambda: "")
    except (ssl.SSLError, OSError) as error:
        why = getattr(error, "reason", None) or error.strerror or "it is not PEM"
        raise EngineError(
            f"{certificate} and {key} cannot be used together: {str(why).lower().replace('_', ' ')}",
            "engine.ingress.tls",
            "a certificate in PEM, and its own key in PEM without a passphrase",
        ) from None


def base_url(workspace: Workspace) -> str | None:
    """The URL below which the project's endpoints answer; null when nothing was deployed.

    A head of our own knows its port; on a given cluster the URL is kept when the endpoint is deployed.
    """
    if workspace.engine.address is None:
        head = find_head(workspace.storage)
        return head.url if head is not None else None
    try:
        kept = json.loads((workspace.storage / "serve.json").read_text())
        return str(kept["url"]) if kept["address"] == workspace.engine.address else None
    except (OSError, ValueError, KeyError):
        return None


def grpc_address(workspace: Workspace, serving: Serving, plugins: Sequence[str]) -> str | None:
    """Where an endpoint with these protocols answers gRPC, ``host:port``; null where none of them speaks it, without a head,
    behind Ray's Python proxy, and on a given cluster, whose Serve would take calls from everywhere.
    """
    if workspace.engine.address is not None:
        return None
    catalog = Catalog(workspace.project, plugins)
    if not any(_speaks_grpc(catalog, each.name) for each in serving.protocols):
        return None
    head = find_head(workspace.storage)
    if head is None or not head.ports.grpc or head.door.name != "haproxy":
        return None
    return f"{urlsplit(head.url).hostname}:{head.ports.grpc}"


def _speaks_grpc(catalog: Catalog, name: str) -> bool:
    loaded = catalog.load("protocol", name)
    return issubclass(loaded, Protocol) and loaded.tags.grpc

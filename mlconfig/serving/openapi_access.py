"""What an OpenAPI document says of who may ask (https://spec.openapis.org/oas/v3.1.0#security-scheme-object)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key (`mlconfig keys`) or a token of the issuer."},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A key (`mlconfig keys`)."},
}
_REFUSALS = {
    "401": "No credential, or one that is wrong, expired or revoked.",
    "403": "The credential lacks the scope `{scope}`.",
    "429": "The key asks too often; ask again after `Retry-After`.",
}


def with_access(document: bytes, scope_of: Callable[[str], str | None], *, keys: bool) -> bytes:
    """The document of an endpoint that asks for credentials.

    Args:
        document: as JSON, of one that does not.
        scope_of: what a path needs; null for nothing.
        keys: whether keys of ours are taken, and not only tokens.
    """
    tree: dict[str, Any] = msgspec.json.decode(document)
    schemes = {name: scheme for name, scheme in _SCHEMES.items() if keys or name == "bearer"}
    tree["components"]["securitySchemes"] = schemes
    for path, methods in tree["paths"].items():
        scope = scope_of(path)
        for operation in methods.values() if scope is not None else ():
            operation["security"] = [{name: []} for name in schemes]
            for status, text in _REFUSALS.items():
                operation["responses"].setdefault(status, {"description": text.format(scope=scope)})
    return msgspec.json.encode(tree)

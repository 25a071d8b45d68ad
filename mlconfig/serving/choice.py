"""Which version answers a row: the canary for a share of the routing keys, and for each key always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from mlconfig.errors import ServingError
from mlconfig.records.signature import Signature
from mlconfig.vocabulary import AUTO

_WHOLE = 1 << 64


class Choice:
    """Chooses by a hash of the routing key, so that who was answered by the canary once is answered by it again.

    A share that grows keeps those that it had. Rows without a key, and endpoints without one, go by the prediction id.

    Args:
        signature: that rows follow.
        routing_key: ``serving.routing_key``. Raises ServingError for a column that requests do not have.
        endpoint: part of what is hashed, so that endpoints do not choose the same clients.
    """

    def __init__(self, signature: Signature, routing_key: str, endpoint: str) -> None:
        columns = signature.key if routing_key == AUTO else (routing_key,)
        attributes = {column.name: f"f{index}" for index, column in enumerate(signature.columns)}
        missing = [name for name in columns if name not in attributes]
        if missing and routing_key != AUTO:
            raise ServingError(f"requests have no column `{missing[0]}`", "serving.routing_key")
        self._take = attrgetter(*(attributes[name] for name in columns)) if columns and not missing else None
        # A copy of one that holds the salt already is made in a third of the time that a new one takes.
        self._salted = hashlib.blake2b(digest_size=8, key=endpoint.encode()[:64])

    def is_canary(self, rows: Sequence[Any], ids: Sequence[bytes], percent: float) -> list[bool]:
        """For each row whether it falls into the share."""
        below = int(percent / 100.0 * _WHOLE)
        return [self._hash(row, each) < below for row, each in zip(rows, ids, strict=True)]

    def _hash(self, row: Any, prediction_id: bytes) -> int:
        value = self._take(row) if self._take is not None else None
        key = prediction_id if value is None or value == (None,) else repr(value).encode("utf-8", "surrogatepass")
        hashed = self._salted.copy()
        hashed.update(key)
        return int.from_bytes(hashed.digest(), "big")

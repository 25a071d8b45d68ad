"""``keys``: keys that ``mlconfig keys`` makes, with scopes, an end, and a way to take them back."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from pydantic import Field

from mlconfig.contracts.authenticator import (
    Authenticator,
    AuthenticatorTags,
    Caller,
    Guard,
    Premises,
    bearer,
    unknown_caller,
)
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.key_table import KEY, KeyTable, Pepper
from mlconfig.vocabulary import Frozen

HINT = "send Authorization: Bearer mlc_…, or x-api-key"
NOBODY = bytes(32)
"""Compared with where an id is unknown, so that an unknown id takes as long as a wrong secret."""
MOST_RECENT = 1024
"""Keys that are known again at once; the others of an endpoint with more of them take a few microseconds longer."""


class Known(NamedTuple):
    """A key that was not revoked: what is kept of it, when it ends (seconds since 1970, or never), and whose it is."""

    digest: bytes
    expires: float
    caller: Caller


class _Table(NamedTuple):
    """A table as it was taken. ``recent``: the keys that were let in since, by a digest that is made faster, under a secret
    that no other process has; so what a client sends is never looked up by itself.
    """

    pepper: Pepper
    rows: Mapping[bytes, Known]
    recent: dict[bytes, Known]


class Keys(Authenticator):
    """Keys of this endpoint, made and revoked with `mlconfig keys`."""

    class Params(Frozen):
        """Where the pepper is."""

        pepper: str | None = Field(
            None, min_length=16, description="What digests are made with; null: a file in the storage."
        )

    params: Params
    tags: ClassVar[AuthenticatorTags] = AuthenticatorTags(keys=True)

    def guard(self, premises: Premises) -> Guard:
        return KeyGuard(premises, self.params.pepper)


class KeyGuard(Guard):
    """Knows the keys of the newest table it took; before the first it knows nobody, and says so."""

    def __init__(self, premises: Premises, pepper: str | None) -> None:
        self._premises, self._given = premises, pepper
        self._known: _Table | None = None
        self._salted = hashlib.blake2b(digest_size=16, key=secrets.token_bytes(32))

    def take(self, table: KeyTable) -> None:
        known = {
            row.id.encode(): Known(
                bytes.fromhex(row.digest),
                float("inf") if row.expires is None else row.expires,
                Caller(row.client, row.id, frozenset(row.scopes)),
            )
            for row in table.keys
        }
        self._known = _Table(self._pepper(bool(known)), known, {})

    def _pepper(self, needed: bool) -> Pepper:
        """Without keys any will do; where there are some, only the one they were made with."""
        if self._given is not None:
            return Pepper(self._given.encode())
        return Pepper.open(self._premises.storage) if needed else Pepper(NOBODY)

    def admit(self, headers: Mapping[bytes, bytes], now: float) -> Caller:
        key = bearer(headers) or headers.get(b"x-api-key", b"").strip()
        if not key:
            raise unknown_caller(hint=HINT)
        table = self._known
        if table is None:
            raise RequestRefusedError(503, "the keys are not known yet", hint="try again shortly", retry_after=1)
        hashed = self._salted.copy()
        hashed.update(key)
        brief = hashed.digest()
        row = table.recent.get(brief) or self._checked(table, key)
        if now >= row.expires:
            raise unknown_caller("this key has expired", "ask its owner for another")
        if len(table.recent) < MOST_RECENT:
            table.recent[brief] = row
        return row.caller

    def _checked(self, table: _Table, key: bytes) -> Known:
        match = KEY.fullmatch(key)
        if match is None:
            raise unknown_caller("this is no key of this endpoint", HINT)
        row = table.rows.get(match[1])
        fits = hmac.compare_digest(table.pepper.digest(key), row.digest if row is not None else NOBODY)
        if row is None or not fits:
            raise unknown_caller(
                "this is no key of this endpoint, or one that was revoked", "ask its owner for another"
            )
        return row

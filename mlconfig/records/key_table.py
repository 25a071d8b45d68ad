"""The keys of an endpoint: what the database keeps of them, and the table that replicas fetch and keep a copy of.

A key is ``mlc_<id>_<secret>`` and is shown once, when it is made. What is kept is its HMAC-SHA256 (RFC 2104) under the
project's pepper, so that neither the database nor a copy of it lets anybody in.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from mlconfig.records.secret_file import make_secret, read_secret
from mlconfig.vocabulary import Frozen, Tuple

Scope = Literal["predict", "feedback", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

PEPPER_FILE = "keys.pepper"
ALPHABET = string.ascii_letters + string.digits
ID_LENGTH, SECRET_LENGTH = 10, 43
"""43 of 62 letters and digits hold 256 bits."""
KEY = re.compile(rb"mlc_([A-Za-z0-9]{%d})_[A-Za-z0-9]{%d}" % (ID_LENGTH, SECRET_LENGTH))


class KeyRow(Frozen):
    """One key as it is kept. Times are seconds since 1970; ``expires`` null: never."""

    id: str = Field(pattern=rf"^[A-Za-z0-9]{{{ID_LENGTH}}}$")
    client: str
    scopes: Tuple[Scope]
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    created_at: float
    expires: float | None = None

    def expired(self, now: float) -> bool:
        """Whether its end has come."""
        return self.expires is not None and now >= self.expires


class KeyTable(Frozen):
    """The keys of an endpoint that were not revoked. ``generation`` grows with each key that is made or revoked."""

    schema_version: Literal[1] = 1
    endpoint: str
    generation: int
    keys: Tuple[KeyRow] = ()


class Pepper:
    """The project's secret, without which a digest cannot be made of a key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def make(cls, storage: Path) -> Pepper:
        """The one of a storage, made where there is none. Any number of processes may call it at once."""
        return cls(make_secret(storage / PEPPER_FILE))

    @classmethod
    def open(cls, storage: Path) -> Pepper:
        """The one of a storage. Raises StateError where it is missing: a new one would fit no key that was made."""
        return cls(read_secret(storage / PEPPER_FILE))

    def digest(self, key: bytes) -> bytes:
        """What is kept of a key [32 bytes]."""
        return hmac.digest(self._secret, key, "sha256")


def _draw(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def draw_key() -> tuple[str, str]:
    """A new key's id, and the key."""
    key_id = _draw(ID_LENGTH)
    return key_id, f"mlc_{key_id}_{_draw(SECRET_LENGTH)}"

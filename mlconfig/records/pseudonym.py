"""Keyed digests in place of personal values: the same value is always the same text, and nobody without the key can tell which.

The key is the project's: one file in the storage, readable by its owner only, made once. Whoever loses it loses every join by
a digest; whoever publishes it lets values be guessed.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlconfig.errors import DataError, StateError
from mlconfig.records.prediction import category_text
from mlconfig.records.secret_file import make_secret, read_secret

KEY_FILE = "pseudonym.key"
PREFIX = "hmac:"
_FORM = re.compile(r"hmac:[0-9a-f]{64}")


class Pseudonyms:
    """HMAC-SHA256 (RFC 2104) under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def make(cls, storage: Path) -> Pseudonyms:
        """The project's, with its key made where there is none. Any number of processes may call it at once."""
        return cls(_key(storage, make_secret))

    @classmethod
    def open(cls, storage: Path) -> Pseudonyms:
        """The project's. Raises DataError where its key is missing: a new one would fit nothing that was kept."""
        if not (storage / KEY_FILE).exists():
            hint = "bring it back from a backup; `mlconfig apply` makes one where there never was one"
            what = "the key of the digests of governance.pii is missing"
            raise DataError(what, str(storage / KEY_FILE), hint)
        return cls(_key(storage, read_secret))

    def of(self, value: Any) -> str:
        """The digest of a value; 7, 7.0 and "7" have the same one."""
        text = category_text(value) if isinstance(value, (str, bool, int, float)) else str(value)
        return PREFIX + hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def _key(storage: Path, get: Callable[[Path], bytes]) -> bytes:
    path = storage / KEY_FILE
    try:
        return get(path)
    except StateError as error:
        raise DataError(f"this is no key of digests: {error.what}", str(path), "bring it back from a backup") from None


def is_pseudonym(text: Any) -> bool:
    """Whether a value has the form of a digest."""
    return isinstance(text, str) and _FORM.fullmatch(text) is not None

"""``authenticator``: who asks, and what they may. It is named in ``serving.auth``.

A guard stands before every path that needs a scope, HTTP's and gRPC's, and is asked before a body is read; so it answers from
memory. What it needs from elsewhere it fetches in ``refresh``, beside the requests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from mlconfig.contracts.plugin import Plugin, Tags
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.key_table import SCOPES, KeyTable

REALM = 'Bearer realm="mlconfig"'
"""What a 401 without a credential says in ``WWW-Authenticate`` (https://www.rfc-editor.org/rfc/rfc6750, section 3)."""

MAX_CREDENTIAL = 8192
"""Bytes of the longest credential that is looked at."""


class Caller(NamedTuple):
    """Who asks. ``client``: the name of a system or a person; ``key``: what limits are counted by, never a secret; ``scopes``:
    of ``predict``, ``feedback`` and ``admin``, none of which holds another.
    """

    client: str
    key: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class Premises:
    """What a guard stands before: the endpoint, and the storage folder that all of its replicas see."""

    endpoint: str
    storage: Path


class Guard(ABC):
    """Knows callers by their headers. ``admit`` is called on the event loop, all else from one thread beside it."""

    @abstractmethod
    def admit(self, headers: Mapping[bytes, bytes], now: float) -> Caller:
        """Who asks.

        Args:
            headers: names in small letters; gRPC's metadata likewise.
            now: seconds since 1970.

        Raises:
            RequestRefusedError: 401, or 503 while it cannot know anybody yet.
        """

    def refresh(self, now: float) -> None:
        """Fetch what is new, where it is time; called once before the first request and every half second from then on.

        May block, and raise MlconfigError: what is known stays as it is.
        """
        del now

    def take(self, table: KeyTable) -> None:
        """Know the endpoint's keys from now on (``AuthenticatorTags.keys``). Raises MlconfigError: it knows those it had."""
        del table


@dataclass(frozen=True)
class AuthenticatorTags(Tags):
    """``keys``: it knows the endpoint's keys (``mlconfig keys``), so its guard is given them."""

    keys: bool = False


class Authenticator(Plugin):
    """A way to know who asks."""

    tags: ClassVar[AuthenticatorTags] = AuthenticatorTags()

    @abstractmethod
    def guard(self, premises: Premises) -> Guard:
        """For one replica of an endpoint."""


def bearer(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The credential of ``Authorization: Bearer …``; null where there is none."""
    scheme, _, credential = headers.get(b"authorization", b"").partition(b" ")
    return credential.strip() or None if scheme.lower() == b"bearer" else None


def scopes_of(words: object) -> frozenset[str]:
    """Those of ours in a list of scopes, or in a text with spaces between them (https://www.rfc-editor.org/rfc/rfc8693)."""
    listed = words.split() if isinstance(words, str) else words if isinstance(words, (list, tuple)) else ()
    return frozenset(SCOPES) & {word for word in listed if isinstance(word, str)}


def unknown_caller(what: str = "", hint: str = "") -> RequestRefusedError:
    """401: nobody is known by these headers. ``what``: the fault of the credential, empty where there is none."""
    if not what:
        return RequestRefusedError(401, "this needs a credential", "authorization", hint, challenge=REALM)
    return RequestRefusedError(401, what, "authorization", hint, challenge=f'{REALM}, error="invalid_token"')

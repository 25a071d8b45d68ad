"""A set of public keys (https://www.rfc-editor.org/rfc/rfc7517) from a file or an address, fetched beside the requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlconfig.errors import PluginError

TIMEOUT_S = 5.0
MOST_BYTES = 1 << 20
RETRY_S, FIRST_S = 30.0, 5.0
"""After a failure; and while there is no set yet, and nobody is let in."""
UNKNOWN_S = 10.0
"""At least so long between two fetches because of a key that is not in the set: anybody can name one."""
FAMILY = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
SHORTEST_RSA = 2048


@dataclass(frozen=True)
class PublicKey:
    """One key: its name in the set (may be empty), and its key object by each algorithm that it may be used with."""

    kid: str
    by_algorithm: Mapping[str, Any]


def read_set(text: bytes, algorithms: Sequence[str], where: str) -> tuple[PublicKey, ...]:
    """The keys of a set that fit the algorithms; others in it are passed over. A set of no keys is one: its issuer has
    taken all of them back.

    Raises:
        PluginError: it is no set, or none of its keys fits.
    """
    try:
        listed = json.loads(text)["keys"]
        found = tuple(key for jwk in listed if (key := _public_key(jwk, algorithms)) is not None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PluginError("this is no JSON Web Key Set", where, 'it is {"keys": [{"kty": …}, …]}') from None
    if not found and listed:
        hint = "each needs kty and use: sig; RSA keys have 2048 bits at least"
        raise PluginError(f"none of its keys can be used with {', '.join(algorithms)}", where, hint)
    return found


def _public_key(jwk: Mapping[str, Any], algorithms: Sequence[str]) -> PublicKey | None:
    """Never a symmetric one; one that names its use or algorithm is used for nothing else."""
    import jwt

    if jwk.get("use", "sig") != "sig":
        return None
    fitting = [name for name in algorithms if _fits(jwk, name)]
    made = {}
    for name in fitting:
        try:
            made[name] = jwt.PyJWK({**jwk, "alg": name}).key
        except (jwt.PyJWTError, ValueError):
            return None
        if jwk["kty"] == "RSA" and made[name].key_size < SHORTEST_RSA:
            return None
    return PublicKey(str(jwk.get("kid", "")), made) if made else None


def _fits(jwk: Mapping[str, Any], algorithm: str) -> bool:
    curve = CURVES.get(algorithm, jwk.get("crv"))
    return jwk["kty"] == FAMILY[algorithm[:2]] and jwk.get("alg", algorithm) == algorithm and jwk.get("crv") == curve


class KeySet:
    """The newest set. ``keys`` is replaced whole by `refresh`, in one assignment.

    Args:
        place: an address, or the path of a file.
        algorithms: those that signatures may have.
        every: seconds between two fetches from an address; a file is read when it was written anew.
    """

    def __init__(self, place: str | Path, algorithms: Sequence[str], every: float) -> None:
        self._place, self._algorithms, self._every = place, algorithms, every
        self._due, self._asked, self._tried = 0.0, False, -UNKNOWN_S
        self._mark: tuple[int, int] | None = None
        self.keys: tuple[PublicKey, ...] | None = None

    def miss(self) -> None:
        """A token names a key that is not in the set: it may be a new one."""
        self._asked = True

    def refresh(self, now: float) -> bool:
        """Fetch the set where it is time; whether there is another now. Raises PluginError: the old one stays."""
        before = self.keys
        if isinstance(self._place, Path):
            self._read(self._place)
        elif now >= self._due or (self._asked and now >= self._tried + UNKNOWN_S):
            self._asked, self._tried, self._due = False, now, now + (FIRST_S if before is None else RETRY_S)
            self.keys = read_set(_fetch(self._place), self._algorithms, self._place)
            self._due = now + self._every
        return self.keys is not before

    def _read(self, path: Path) -> None:
        try:
            stat = path.stat()
            mark = stat.st_mtime_ns, stat.st_size
            if mark != self._mark:
                self.keys = read_set(path.read_bytes(), self._algorithms, str(path))
                self._mark = mark
        except OSError as error:
            raise PluginError(f"the key set cannot be read: {error.strerror}", str(path)) from None


def _fetch(url: str) -> bytes:
    """What lies at an address, without following it elsewhere."""
    import httpx

    try:
        with httpx.Client(timeout=TIMEOUT_S) as client, client.stream("GET", url) as reply:
            if reply.status_code != 200:
                raise PluginError(f"the key set cannot be fetched: {reply.status_code}", url)
            body = b""
            for part in reply.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise PluginError("the key set is larger than 1 MiB", url)
            return body
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PluginError(f"the key set cannot be fetched: {type(error).__name__}", url) from None

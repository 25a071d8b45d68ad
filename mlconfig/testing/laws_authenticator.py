"""Laws of an authenticator: who shows nothing that it knows is refused, at once, and is told no more than that."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlconfig.contracts import Authenticator, Caller, Guard, Premises, RequestRefusedError
from mlconfig.records.key_table import KeyRow, KeyTable, Pepper, draw_key
from mlconfig.testing.law import Law, demand

NOW = 1_800_000_000.0
SECRET = b"s3cr3t-4111-1111"
SLOWEST_S = 0.001
_CREDENTIALS = (
    b"", b" ", b"Bearer", b"Bearer  ", b"Basic " + SECRET, b"Bearer " + SECRET, b"bearer " + SECRET, b"Bearer \xff\xfe\x00",
    b"Bearer a.b.c", b"Bearer eyJhbGciOiJub25lIn0.e30.", b"Bearer mlc_", b"Bearer " + b"mlc_" * 5000, SECRET, b"null",
    b"Bearer mlc_0123456789_" + b"0" * 43, b"Bearer " + b"." * 9000, b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA",
)  # fmt: skip
GARBAGE: tuple[Mapping[bytes, bytes], ...] = tuple(
    {name: credential} for name in (b"authorization", b"x-api-key", b"cookie") for credential in _CREDENTIALS
)
_WAITS = {"open", "socket.connect", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen", "time.sleep"}
_seen: list[str] | None = None
_hooked: list[bool] = []


def laws_for(plugin: Authenticator) -> list[Law]:
    """All of them; those of keys for one that knows them."""
    laws: list[Law] = [
        who_shows_nothing_is_asked_to, garbage_lets_nobody_in, a_refusal_repeats_nothing, a_request_waits_for_nothing,
        a_request_costs_less_than_a_millisecond, headers_are_left_alone,
    ]  # fmt: skip
    if plugin.tags.keys:
        laws += [a_key_is_known_by_either_header, a_key_ends_by_the_clock_it_is_given, a_forged_key_lets_nobody_in,
                 a_key_that_was_revoked_lets_nobody_in, nobody_is_let_in_before_there_are_keys]  # fmt: skip
    return laws


class _Door:
    """A guard with one key in its table, which ends an hour after NOW."""

    def __init__(self, plugin: Authenticator, storage: Path) -> None:
        given = getattr(plugin.params, "pepper", None)
        pepper = Pepper.make(storage) if given is None else Pepper(given.encode())
        key_id, key = draw_key()
        self.key, self.storage = key.encode(), storage
        digest = pepper.digest(self.key).hex()
        self.row = KeyRow(
            id=key_id, client="shop", scopes=("predict",), digest=digest, created_at=NOW - 10.0, expires=NOW + 3600.0
        )
        self.guard: Guard = plugin.guard(Premises("shop", storage))
        if plugin.tags.keys:
            self.guard.take(KeyTable(endpoint="shop", generation=1, keys=(self.row,)))

    def asks(self, headers: Mapping[bytes, bytes], now: float = NOW) -> Caller | RequestRefusedError:
        """What the guard says; any other error is let through, which breaks the law."""
        try:
            return self.guard.admit(headers, now)
        except RequestRefusedError as problem:
            return problem


@contextlib.contextmanager
def _door(plugin: Authenticator) -> Iterator[_Door]:
    with tempfile.TemporaryDirectory(prefix="mlconfig-law-") as storage:
        yield _Door(plugin, Path(storage))


def _is_refusal(said: object) -> bool:
    """A 401 with its challenge; or a 503 while nobody can be known."""
    if not isinstance(said, RequestRefusedError):
        return False
    return said.status == 503 or (said.status == 401 and bool(said.challenge))


def who_shows_nothing_is_asked_to(plugin: Authenticator) -> None:
    """A request without a credential is refused with 401 and a challenge."""
    with _door(plugin) as door:
        said = door.asks({b"content-type": b"application/json"})
    asked = isinstance(said, RequestRefusedError) and said.status == 401 and said.challenge
    demand(asked, f"it said {said!r}", "raise mlconfig.contracts.authenticator.unknown_caller()")


def garbage_lets_nobody_in(plugin: Authenticator) -> None:
    """Whatever stands in the headers is refused with 401 and a challenge, and never a fault of the server's."""
    with _door(plugin) as door:
        for headers in GARBAGE:
            said = door.asks(headers)
            demand(
                _is_refusal(said), f"{_short(headers)} got {said!r}", "raise unknown_caller(…) for what is not known"
            )


def a_refusal_repeats_nothing(plugin: Authenticator) -> None:
    """A refusal does not repeat what was shown: refusals are logged."""
    with _door(plugin) as door:
        for headers in (*GARBAGE, {b"authorization": b"Bearer " + door.key + b"0"}):
            said = str(door.asks(headers))
            shown = (SECRET.decode(), door.key.decode()[15:])
            demand(not any(part in said for part in shown), f"it said {said}", "name the header, and not its value")


def a_request_waits_for_nothing(plugin: Authenticator) -> None:
    """A request opens no file and asks nobody: the guard answers from memory."""
    with _door(plugin) as door:
        requests: tuple[Mapping[bytes, bytes], ...] = (
            {},
            {b"authorization": b"Bearer " + door.key},
            {b"authorization": b"Bearer a.b.c"},
        )
        for headers in requests:  # what is imported late is imported now
            door.asks(headers)
        for headers in requests:
            with _watched() as waits:
                door.asks(headers)
            demand(not waits, f"it did {', '.join(waits)}", "fetch it in refresh(), which runs beside the requests")


def a_request_costs_less_than_a_millisecond(plugin: Authenticator) -> None:
    """A request costs less than a millisecond: it stands before every prediction."""
    with _door(plugin) as door:
        for headers in ({b"authorization": b"Bearer " + door.key}, {b"authorization": b"Bearer a.b.c"}):
            spent = []
            for _ in range(20):
                start = time.perf_counter()
                door.asks(headers)
                spent.append(time.perf_counter() - start)
            demand(min(spent) < SLOWEST_S, f"it took {min(spent) * 1e3:.1f} ms", "remember what was checked once")


def headers_are_left_alone(plugin: Authenticator) -> None:
    """A guard does not alter the headers: the protocol reads them after it."""
    with _door(plugin) as door:
        for given in ({b"authorization": b"Bearer " + door.key, b"x-api-key": b"a"}, {}):
            before = dict(given)
            door.asks(given)
            demand(given == before, "the headers were altered", "read them only")


def a_key_is_known_by_either_header(plugin: Authenticator) -> None:
    """A key is known as ``Authorization: Bearer`` and as ``x-api-key``, with its client, its id and its scopes."""
    with _door(plugin) as door:
        for headers in (
            {b"authorization": b"Bearer " + door.key}, {b"authorization": b"bearer " + door.key}, {b"x-api-key": door.key}
        ):  # fmt: skip
            said = door.asks(headers)
            wanted = Caller("shop", door.row.id, frozenset({"predict"}))
            demand(said == wanted, f"{list(headers)} got {said!r}", f"return {wanted}")


def a_key_ends_by_the_clock_it_is_given(plugin: Authenticator) -> None:
    """A key lets in until it expires, by ``now``, and not from then on."""
    with _door(plugin) as door:
        headers = {b"x-api-key": door.key}
        said = door.asks(headers, NOW + 3599.0)
        demand(isinstance(said, Caller), f"a second before its end it got {said!r}", "compare expires with now")
        said = door.asks(headers, NOW + 3600.0)
        demand(_is_refusal(said), f"at its end it got {said!r}", "compare expires with now, each time")


def a_forged_key_lets_nobody_in(plugin: Authenticator) -> None:
    """Nobody is let in by the id of a key, or by what is kept of it."""
    with _door(plugin) as door:
        start, other = door.key[:15], b"a" if door.key[-1:] != b"a" else b"b"
        for forged in (
            door.key[:-1] + other,
            start + b"0" * 43,
            door.key + b"0",
            start + door.row.digest.encode()[:43],
        ):
            said = door.asks({b"x-api-key": forged})
            demand(_is_refusal(said), f"a forged key got {said!r}", "compare the digest of the whole key")


def a_key_that_was_revoked_lets_nobody_in(plugin: Authenticator) -> None:
    """A key that a later table lacks lets nobody in, though it did before."""
    with _door(plugin) as door:
        door.asks({b"x-api-key": door.key})
        door.guard.take(KeyTable(endpoint="shop", generation=2))
        said = door.asks({b"x-api-key": door.key})
        demand(_is_refusal(said), f"it got {said!r}", "forget all that was known before with each table")


def nobody_is_let_in_before_there_are_keys(plugin: Authenticator) -> None:
    """Before it was given a table, a guard lets nobody in."""
    with _door(plugin) as door:
        door.guard = plugin.guard(Premises("shop", door.storage))
        said = door.asks({b"x-api-key": door.key})
    demand(_is_refusal(said), f"it got {said!r}", "refuse with 503 until take() was called")


def _short(headers: Mapping[bytes, bytes]) -> str:
    return ", ".join(f"{name.decode()}: {value[:40]!r}" for name, value in headers.items())


@contextlib.contextmanager
def _watched() -> Iterator[list[str]]:
    """What would keep a request waiting meanwhile."""
    global _seen  # noqa: PLW0603 — an audit hook stays for ever, so it looks at one place whether to listen
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_note)
    waits: list[str] = []
    _seen = waits
    try:
        yield waits
    finally:
        _seen = None


def _note(event: str, _: tuple[Any, ...]) -> None:
    if _seen is not None and event in _WAITS:
        _seen.append(event)

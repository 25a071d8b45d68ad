"""A request's headers as Ray Serve is to see them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

_REQUEST_ID = b"x-request-id"
_READ_AS_TEXT = frozenset(
    (
        _REQUEST_ID,
        *(b"x%bsession%bid" % signs for signs in product((b"-", b"_"), repeat=2)),
        *(b"serve%bmultiplexed%bmodel%bid" % signs for signs in product((b"-", b"_"), repeat=3)),
    )
)
"""Serve reads these without asking whether they are text; the last two mean nothing to a replica of ours."""
_TRACED = frozenset((b"traceparent", b"tracestate"))
_NOT_WATCHED = (b"x-request-disconnect-disabled", b"?1")
_LONGEST = 128

Headers = list[tuple[bytes, bytes]]


def all_for_serve(headers: Mapping[bytes, bytes], named_by: bytes) -> Headers:
    """All headers, but for those that Serve could not read, and with an id, which Serve answers with.

    A client's own id is kept where it is one. Otherwise it is the ingress' name for the request, which the header ``named_by``
    has: what Serve would make up costs more, and that name is what the prediction log knows the request by.
    """
    if _READ_AS_TEXT.isdisjoint(headers):
        seen = list(headers.items())
    else:
        seen = [(header, value) for header, value in headers.items() if header not in _READ_AS_TEXT or _is_text(value)]
        if any(header == _REQUEST_ID for header, _ in seen):
            return seen
    name = headers.get(named_by)
    return seen if name is None else [*seen, (_REQUEST_ID, name)]


def least_for_serve(headers: Mapping[bytes, bytes], named_by: bytes) -> Headers:
    """Only what Serve itself makes something of: it decodes each header that it sees, twice.

    Of a request that has come whole it is not to watch whether its client hangs up.
    """
    seen = [_NOT_WATCHED]
    given = headers.get(_REQUEST_ID)
    if given is None or not _is_text(given):
        given = headers.get(named_by)
    if given is not None:
        seen.append((_REQUEST_ID, given))
    if not _TRACED.isdisjoint(headers):
        seen += [(header, headers[header]) for header in _TRACED if _is_text(headers.get(header, b""))]
    return seen


def _is_text(value: bytes) -> bool:
    return 0 < len(value) <= _LONGEST and value.isascii() and value.decode("ascii").isprintable()

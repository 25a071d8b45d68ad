"""Laws of a protocol: what clients send is rows or refused, and what they are told is theirs alone to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlconfig.contracts import (
    Asked,
    Operation,
    Protocol,
    RequestRefusedError,
    RowAnswer,
    Surface,
    WireReply,
    WireRequest,
)
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.testing.law import Law, demand

CARD_NUMBER = "4111-1111-1111-1111"
GARBAGE = (
    b"", b"{", b"null", b"[]", b"{}", b"[" * 5000, b"\xff\xfe\x00", b"\x00" * 64, b'{"x":1e999}', b'{"x":' + b"9" * 5000 + b"}",
    b'{"inputs":[{"name":"x","shape":[-1],"datatype":"FP32","data":[]}]}', b'{"rows":[]}', b'"\\ud800"', CARD_NUMBER.encode(),
)  # fmt: skip


class AnyRows:
    """A reader that takes what it is given for one row."""

    max_rows = 100

    def from_json(self, body: bytes) -> Asked:
        """One row."""
        if not body.startswith(b"{") or not body.endswith(b"}"):
            raise RequestRefusedError(400, "the body is not valid JSON")
        return Asked([body], [()], [None], shape=True)

    def from_values(self, rows: Sequence[Mapping[str, Any]]) -> Asked:
        """These rows."""
        return Asked(list(rows), [()] * len(rows), [None] * len(rows))


def surface() -> Surface:
    """An endpoint that answers yes or no about one number."""
    columns = (SignatureColumn(name="x", kind="numeric"),)
    signature = Signature(
        name="shop", task="binary", target="y", classes=("no", "yes"), columns=columns, example={"x": 1.0}
    )
    return Surface("shop", "3", 7, signature, AnyRows())


def laws_for(plugin: Protocol) -> list[Law]:
    """All of them."""
    del plugin
    return [paths_are_its_own, operations_are_fit_for_what_they_do, garbage_is_refused, a_refusal_says_what_is_wrong,
            each_row_has_its_answer]  # fmt: skip


def _predicting(plugin: Protocol) -> list[Operation]:
    return [operation for operation in plugin.operations() if operation.does == "predict"]


def paths_are_its_own(plugin: Protocol) -> None:
    """Each path starts with a slash and is there once."""
    paths = [operation.path for operation in plugin.operations()]
    demand(paths, "it has no path", "give at least one operation")
    for path in paths:
        demand(path.startswith("/"), f"the path `{path}`", "start it with a slash")
        demand(paths.count(path) == 1, f"`{path}` is there twice", "give each path to one operation")


def operations_are_fit_for_what_they_do(plugin: Protocol) -> None:
    """What predicts takes POST and a type of content, and needs a key that may predict."""
    for operation in _predicting(plugin):
        demand("POST" in operation.methods, f"`{operation.name}` takes {operation.methods}", "let it take POST")
        demand(operation.media, f"`{operation.name}` takes no type of content", "name those that it takes")
        demand(operation.scope == "predict", f"`{operation.name}` has scope {operation.scope}", "leave it at `predict`")


def garbage_is_refused(plugin: Protocol) -> None:
    """Whatever a client sends is rows or a refusal with a 4xx that does not repeat it."""
    codec = plugin.codec(surface())
    for operation in _predicting(plugin):
        for media in (*operation.media, *operation.streams):
            for body in GARBAGE:
                try:
                    codec.decode(WireRequest(operation.name, body, media))
                except RequestRefusedError as problem:
                    said = f"`{operation.name}` refuses {body[:40]!r} with {problem.status}: {problem}"
                    demand(400 <= problem.status < 500, said, "what a client sends is never a fault of the server")
                    demand(CARD_NUMBER not in str(problem), said, "name the field, and not the value")


def a_refusal_says_what_is_wrong(plugin: Protocol) -> None:
    """A refusal has a body that holds what is wrong and where."""
    reply = plugin.refusal(RequestRefusedError(422, "the value does not fit", "rows[3].age", "send a number"))
    demand(isinstance(reply, WireReply), f"it gave {reply!r}", "return a WireReply")
    for part in (b"the value does not fit", b"rows[3].age"):
        demand(part in reply.body, f"{reply.body!r} lacks {part!r}", "put what and where into the body")


def each_row_has_its_answer(plugin: Protocol) -> None:
    """A response that can be told from another one comes of other answers: none is left out."""
    codec = plugin.codec(surface())
    asked = Asked([{"x": 1.0}, {"x": 2.0}], [(), ()], [None, None])
    first = RowAnswer(b"a-1", b'"yes"', 0.75, [0.25, 0.75], b'"3"')
    others = [RowAnswer(b"a-2", b'"no"', score, [1 - score, score], b'"3"') for score in (0.25, 0.125)]
    said = [codec.encode(asked, [first, other]).body for other in others]
    demand(said[0] != said[1], "two responses are the same though a row's answer differs", "encode each row's answer")

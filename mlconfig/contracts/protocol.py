"""``protocol``: wire formats of the endpoint, all over one data plane.

A protocol turns requests into rows and rows' answers into responses. It neither predicts nor logs nor knows who asks: that is
done once, for all of them. It is named in ``serving.protocols``; its paths must be nobody else's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple
from typing import Protocol as Structural

import msgspec

from mlconfig.contracts.plugin import Plugin, Tags
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.signature import Signature

JSON = b"application/json"
GRPC = b"application/grpc"
"""The type of a call's content: one message of gRPC, without the five bytes before it."""
GET, POST = ("GET", "HEAD"), ("POST",)


class Operation(NamedTuple):
    """One path of the endpoint.

    ``path``: may hold ``{endpoint}``, and ``{version}`` for any one segment. ``does``: ``predict`` decodes a body into rows and
    encodes their answers; ``tell`` answers from what is served, without a body; ``control`` answers one. ``media``: types of
    content that a body may have; those in ``streams`` come as lines, each a body of its own. ``scope``: what a key must allow;
    null for anybody.
    """

    name: str
    path: str
    methods: tuple[str, ...] = POST
    does: Literal["predict", "tell", "control"] = "predict"
    media: tuple[bytes, ...] = (JSON,)
    streams: tuple[bytes, ...] = ()
    scope: Literal["predict", "feedback", "admin"] | None = "predict"

    @property
    def counted_as(self) -> str:
        """Its name in counts and metrics: all ways to predict are one."""
        return "predict" if self.does == "predict" else self.name


class WireRequest(msgspec.Struct, frozen=True, gc=False):
    """A request as it came. ``media``: its type of content, without parameters, in small letters; header names likewise."""

    operation: str
    body: bytes = b""
    media: bytes = JSON
    headers: Mapping[bytes, bytes] = {}
    path: Mapping[str, str] = {}


class WireReply(NamedTuple):
    """A response. ``headers`` go beside the type and the length of the content."""

    body: bytes
    media: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    status: int = 200


class Asked(msgspec.Struct, gc=False):
    """A decoded request. ``rows``: as the ``RowReader`` made them; ``times``: wall-clock seconds of each row's timestamp
    features; ``event_times``: seconds since 1970 (UTC) or None. ``shape``: what the protocol needs to answer in kind.
    """

    rows: list[Any]
    times: list[tuple[float | None, ...]]
    event_times: list[float | None]
    shape: Any = None


class RowAnswer(msgspec.Struct, frozen=True, gc=False):
    """One row's answer. ``prediction``: JSON of the class or of the value, ``score`` and ``probabilities`` as in the prediction
    log; ``version``: JSON of the one that answered; ``fallback``: in place of the chosen one.
    """

    prediction_id: bytes
    prediction: bytes
    score: float
    probabilities: Sequence[float] | None
    version: bytes
    fallback: bool = False


class RowReader(Structural):
    """Makes rows out of what a protocol read; raises RequestRefusedError (400, 422) that names the field."""

    @property
    def max_rows(self) -> int:
        """More rows in one request are refused."""

    def from_json(self, body: bytes) -> Asked:
        """A row ``{…}`` or ``{"rows": [{…}, …]}``; ``shape`` is True for a bare row."""

    def from_values(self, rows: Sequence[Mapping[str, Any]]) -> Asked:
        """Rows by column in Python's types, from a binary or columnar format."""


@dataclass(frozen=True)
class Surface:
    """What an endpoint shows at a moment. ``version``, ``generation``: of the champion; ``reader`` makes rows."""

    endpoint: str
    version: str
    generation: int
    signature: Signature
    reader: RowReader


class Codec(ABC):
    """One protocol for one version's signature; made before the first request of that version, used by many at once."""

    @abstractmethod
    def decode(self, request: WireRequest) -> Asked:
        """The rows of a request that predicts. Raises RequestRefusedError."""

    @abstractmethod
    def encode(self, asked: Asked, answers: Sequence[RowAnswer]) -> WireReply:
        """The response to a request that predicts; an answer for each row, in order."""

    def tell(self, request: WireRequest) -> WireReply:
        """The response to a ``tell`` or ``control``. Raises RequestRefusedError."""
        raise RequestRefusedError(404, f"there is no `{request.operation}` here")

    def schema(self) -> Mapping[str, Any]:
        """OpenAPI path items by path, of those that are worth telling; empty for none."""
        return {}


@dataclass(frozen=True)
class ProtocolTags(Tags):
    """``grpc``: it also has methods of a gRPC service (``Protocol.calls``)."""

    grpc: bool = False


class Protocol(Plugin):
    """A wire format."""

    tags: ClassVar[ProtocolTags] = ProtocolTags()

    @abstractmethod
    def operations(self) -> tuple[Operation, ...]:
        """The paths it answers at."""

    def calls(self) -> tuple[Operation, ...]:
        """The methods of a gRPC service that it answers, with paths ``/package.Service/Method`` and the media `GRPC`; no two
        methods of an endpoint share a name. Bodies of requests and replies are messages, and errors are a status of gRPC's.
        """
        return ()

    @abstractmethod
    def codec(self, surface: Surface) -> Codec:
        """For what is served now."""

    def unready(self, request: WireRequest) -> WireReply | None:
        """The response to a ``tell`` before there is a version; null where it needs one."""
        del request
        return None

    def refusal(self, problem: RequestRefusedError) -> WireReply:
        """An error in the words of the protocol; ``status`` is the problem's."""
        return WireReply(problem.body(), status=problem.status)

"""What a replica serves at a moment: immutable, made before it is swapped in by one assignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from mlconfig.contracts.protocol import Codec, Protocol, RowAnswer, Surface
from mlconfig.records.prediction import log_meta
from mlconfig.records.route import RouteTable
from mlconfig.records.signature import Signature
from mlconfig.sections.serving import Serving
from mlconfig.serving.choice import Choice
from mlconfig.serving.decode import RowDecoder
from mlconfig.serving.feedback import FeedbackDecoder
from mlconfig.serving.loaded import Loaded, Unloadable
from mlconfig.serving.openapi import openapi
from mlconfig.serving.row_set import RowSet
from mlconfig.serving.shield import Shield


@dataclass(frozen=True)
class Versions:
    """The versions of a route table that are in memory; all take rows that follow the champion's signature."""

    champion: Loaded | Unloadable
    previous: Loaded | None = None
    canary: Loaded | None = None
    shadows: tuple[Loaded, ...] = ()


@dataclass(frozen=True)
class ServingState:
    """One generation of the route with everything that a request of it needs."""

    table: RouteTable
    versions: Versions
    decoder: RowDecoder
    feedback: FeedbackDecoder
    choice: Choice
    codecs: Mapping[str, Codec]
    log_meta: dict[str, Any]
    shield: Shield

    @classmethod
    def of(
        cls, table: RouteTable, versions: Versions, settings: Serving, protocols: Mapping[str, Protocol], shield: Shield
    ) -> ServingState:
        """Make the state of a route table whose versions are loaded; ``shield`` keeps personal values out of the log."""
        signature = versions.champion.signature
        decoder = RowDecoder(signature, settings.limits)
        surface = Surface(table.endpoint, table.champion.version, table.generation, signature, decoder)
        return cls(
            table,
            versions,
            decoder,
            FeedbackDecoder(signature, settings.limits, shield.pseudonyms),
            Choice(signature, settings.routing_key, table.endpoint),
            {name: protocol.codec(surface) for name, protocol in protocols.items()},
            log_meta(signature),
            shield,
        )

    @property
    def signature(self) -> Signature:
        """What requests must look like."""
        return self.versions.champion.signature

    @property
    def version(self) -> bytes:
        """The champion's name as JSON."""
        return self.versions.champion.name

    @property
    def is_makeshift(self) -> bool:
        """Whether the champion could not be loaded, and the fallback answers in its place."""
        return isinstance(self.versions.champion, Unloadable)

    def canary_at(self, now: float) -> Loaded | None:
        """The canary, while its share is renewed."""
        canary = self.table.canary
        return self.versions.canary if canary is not None and now < canary.expires and canary.percent > 0.0 else None

    def answer(self, rows: RowSet, ids: Sequence[bytes], now: float) -> list[RowAnswer | None]:
        """Each row by the version that is chosen for it; null where its model has no finite answer. May raise anything."""
        canary = self.canary_at(now)
        if canary is None or self.table.canary is None:
            return self.versions.champion.answer(rows, ids)
        by_canary = self.choice.is_canary(rows.rows, ids, self.table.canary.percent)
        if by_canary.count(by_canary[0]) == len(by_canary):
            return (canary if by_canary[0] else self.versions.champion).answer(rows, ids)
        self.versions.champion.pack(rows)
        answers: list[RowAnswer | None] = [None] * len(rows)
        for version, wanted in ((self.versions.champion, False), (canary, True)):
            places = [place for place, mine in enumerate(by_canary) if mine is wanted]
            if places:
                said = version.answer(rows.take(places), [ids[place] for place in places])
                for place, answer in zip(places, said, strict=True):
                    answers[place] = answer
        return answers

    @cached_property
    def openapi(self) -> bytes:
        """The OpenAPI document of this endpoint."""
        paths: dict[str, Any] = {}
        for codec in self.codecs.values():
            paths |= codec.schema()
        limits = self.decoder.limits
        return msgspec.json.encode(
            openapi(self.table.endpoint, self.signature, self.table.champion.version, limits.rows, paths)
        )

    @cached_property
    def metadata(self) -> bytes:
        """What `GET /v1/{endpoint}` answers."""
        table = self.table
        return msgspec.json.encode(
            {
                "endpoint": table.endpoint,
                "version": table.champion.version,
                "generation": table.generation,
                "artifact_sha256": table.champion.artifact_sha256,
                "since": table.created_at,
                "canary": None if table.canary is None else table.canary.version.version,
                "shadows": [shadow.version for shadow in table.shadows],
                "protocols": list(self.codecs),
                "signature": self.signature.model_dump(mode="json"),
            }
        )

"""What a replica serves at a moment: immutable, made before it is swapped in by one assignment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from mlconfig.records.prediction import log_meta
from mlconfig.records.route import RouteTable
from mlconfig.records.signature import Signature
from mlconfig.serving.decode import RowDecoder
from mlconfig.serving.feedback import FeedbackDecoder
from mlconfig.serving.openapi import openapi
from mlconfig.serving.pack import RowPacker
from mlconfig.serving.predictor import Predictor


@dataclass(frozen=True)
class ServingState:
    """One generation of the route with everything that a request of it needs."""

    table: RouteTable
    predictor: Predictor
    decoder: RowDecoder
    feedback: FeedbackDecoder
    packer: RowPacker
    version: bytes
    labels: tuple[bytes, ...]
    log_meta: dict[str, Any]

    @classmethod
    def of(cls, table: RouteTable, predictor: Predictor) -> ServingState:
        """Make the state of a route table whose champion is loaded."""
        signature = predictor.signature
        return cls(
            table,
            predictor,
            RowDecoder(signature),
            FeedbackDecoder(signature),
            RowPacker(signature),
            msgspec.json.encode(table.champion.version),
            tuple(msgspec.json.encode(label) for label in signature.classes),
            log_meta(signature),
        )

    @property
    def signature(self) -> Signature:
        """What requests must look like."""
        return self.predictor.signature

    @cached_property
    def openapi(self) -> bytes:
        """The OpenAPI document of this endpoint."""
        return msgspec.json.encode(openapi(self.table.endpoint, self.signature, self.table.champion.version))

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
                "signature": self.signature.model_dump(mode="json"),
            }
        )

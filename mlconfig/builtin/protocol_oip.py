"""The Open Inference Protocol, version 2, as KServe, Triton and Seldon speak it: over HTTP and over gRPC.

https://github.com/kserve/open-inference-protocol; the binary tensor data extension, the model's configuration and the
repository's index are Triton's: https://github.com/triton-inference-server/server/tree/main/docs/protocol. A tensor is a
column of the request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from mlconfig.builtin import oip_about, oip_rest
from mlconfig.builtin.oip_columns import Columns, version_of
from mlconfig.builtin.oip_openapi import path_items
from mlconfig.contracts.protocol import (
    GET,
    GRPC,
    JSON,
    POST,
    Asked,
    Codec,
    Operation,
    Protocol,
    ProtocolTags,
    RowAnswer,
    Surface,
    WireReply,
    WireRequest,
)
from mlconfig.contracts.refusal import RequestRefusedError

_SERVICE = "/inference.GRPCInferenceService"
_MODEL = "/v2/models/{model}"
_ABOUT = (("metadata", "", "predict"), ("ready", "/ready", None), ("config", "/config", "predict"))


class OipProtocol(Protocol):
    """``POST /v2/models/{endpoint}/infer``, and the service ``inference.GRPCInferenceService``."""

    tags: ClassVar[ProtocolTags] = ProtocolTags(grpc=True)

    def operations(self) -> tuple[Operation, ...]:
        """A model of another name is one of ours too, so that it is refused in the protocol's words."""
        about = [
            Operation(name, f"{_MODEL}{version}{end}", GET, "tell", scope=scope)  # type: ignore[arg-type]
            for version in ("", "/versions/{version}")
            for name, end, scope in _ABOUT
        ]
        infer = [
            Operation("infer", f"{_MODEL}{version}/infer", POST, "predict", (JSON, oip_rest.OCTETS))
            for version in ("", "/versions/{version}")
        ]
        return (
            Operation("server", "/v2", GET, "tell", scope=None),
            Operation("live", "/v2/health/live", GET, "tell", scope=None),
            Operation("health", "/v2/health/ready", GET, "tell", scope=None),
            Operation("index", "/v2/repository/index", POST, "control"),
            *about,
            *infer,
        )

    def calls(self) -> tuple[Operation, ...]:
        """The methods of the service."""
        tells = {
            "ServerLive": None,
            "ServerReady": None,
            "ServerMetadata": None,
            "ModelReady": None,
            "ModelMetadata": "predict",
            "ModelConfig": "predict",
            "RepositoryIndex": "predict",
        }
        return (
            *(
                Operation(name, f"{_SERVICE}/{name}", POST, "tell", (GRPC,), scope=scope)  # type: ignore[arg-type]
                for name, scope in tells.items()
            ),
            Operation("ModelInfer", f"{_SERVICE}/ModelInfer", POST, "predict", (GRPC,)),
        )

    def codec(self, surface: Surface) -> Codec:
        """For what is served now."""
        return OipCodec(surface)

    def unready(self, request: WireRequest) -> WireReply | None:
        """The process lives, and says so, before there is a version."""
        if request.operation == "live":
            return WireReply(b'{"live":true}')
        if request.operation in ("ServerLive", "ServerReady"):
            from mlconfig.builtin.oip_grpc import made

            word = request.operation.removeprefix("Server").lower()
            return made(f"{request.operation}Response", {word: word == "live"})
        return None

    def refusal(self, problem: RequestRefusedError) -> WireReply:
        """``{"error": "…"}``."""
        return WireReply(msgspec.json.encode({"error": str(problem).replace("\n  hint:", ";")}), status=problem.status)


class OipCodec(Codec):
    """Tensors in, tensors out."""

    def __init__(self, surface: Surface) -> None:
        self._surface, self._columns = surface, Columns(surface)

    def decode(self, request: WireRequest) -> Asked:
        """Rows of tensors."""
        if request.media == GRPC:
            from mlconfig.builtin import oip_grpc

            message = oip_grpc.parse("ModelInferRequest", request.body)
            self._check(message.model_name, message.model_version)
            return oip_grpc.read(message, self._columns)
        self._check(request.path.get("model", ""), request.path.get("version", ""))
        return oip_rest.read(request, self._columns)

    def _check(self, model: str, version: str) -> None:
        """Empty for the one that is served."""
        if model not in ("", self._surface.endpoint):
            raise RequestRefusedError(404, "there is no such model here", "model", f"ask for {self._surface.endpoint}")
        if version not in ("", self._surface.version):
            what = "this version is not served"
            raise RequestRefusedError(404, what, "version", f"ask for {self._surface.version}, or for none")

    def encode(self, asked: Asked, answers: Sequence[RowAnswer]) -> WireReply:
        """In the form that was asked in, JSON where none is told."""
        wish = asked.shape if isinstance(asked.shape, tuple) else oip_rest.Wish(None, (), frozenset())
        version = version_of(answers, self._surface.version)
        fallback = any(answer.fallback for answer in answers)
        outputs = self._columns.answer(wish[1], answers)
        if isinstance(wish, oip_rest.Wish):
            return oip_rest.reply(self._surface.endpoint, version, wish, outputs, fallback=fallback)
        from mlconfig.builtin import oip_grpc

        assert isinstance(wish, oip_grpc.Wish)
        return oip_grpc.reply(self._surface.endpoint, version, wish, outputs, fallback=fallback)

    def tell(self, request: WireRequest) -> WireReply:
        """What is asked without rows."""
        if request.media == GRPC:
            return self._tell_call(request)
        self._check(request.path.get("model", ""), request.path.get("version", ""))
        return WireReply(msgspec.json.encode(self._told[request.operation]))

    @cached_property
    def _told(self) -> Mapping[str, Any]:
        """What each operation answers."""
        return {
            "server": oip_about.server(),
            "live": {"live": True},
            "health": {"ready": True},
            "index": oip_about.index(self._surface),
            "metadata": oip_about.model(self._surface, self._columns),
            "ready": {"name": self._surface.endpoint, "ready": True},
            "config": oip_about.config_in_words(oip_about.config(self._surface, self._columns)),
        }

    def _tell_call(self, request: WireRequest) -> WireReply:
        from mlconfig.builtin import oip_grpc

        message = oip_grpc.parse(f"{request.operation}Request", request.body)
        if request.operation.startswith("Model"):
            self._check(message.name, message.version)
        fields: dict[str, Any] = {
            "ServerLive": {"live": True},
            "ServerReady": {"ready": True},
            "ModelReady": {"ready": True},
            "ServerMetadata": self._told["server"],
            "ModelMetadata": self._told["metadata"],
            "ModelConfig": {"config": oip_about.config(self._surface, self._columns)},
            "RepositoryIndex": {"models": self._told["index"]},
        }
        return oip_grpc.made(f"{request.operation}Response", fields[request.operation])

    def schema(self) -> Mapping[str, Any]:
        """The paths that a client needs, under the endpoint's name."""
        return path_items(self._surface.endpoint, self._columns)

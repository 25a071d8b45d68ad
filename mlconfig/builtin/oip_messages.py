"""The messages of ``inference.GRPCInferenceService``, made from a table: no generated file is kept.

Names and numbers are those of https://github.com/kserve/open-inference-protocol (open_inference_grpc.proto, Apache-2.0); of
repository and configuration those of Triton's grpc_service.proto and model_config.proto (BSD-3-Clause), where only the fields
that are answered are listed: a client's own, larger definitions read them. Oneofs are left out, which changes no byte.

The messages live in a pool of their own, so that a client's generated ones may be loaded into the same process.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "inference.GRPCInferenceService"
_PARAMETERS = "map InferParameter parameters = 4"
_FIELDS: dict[str, tuple[str, ...]] = {
    "ServerLiveRequest": (),
    "ServerLiveResponse": ("bool live = 1",),
    "ServerReadyRequest": (),
    "ServerReadyResponse": ("bool ready = 1",),
    "ModelReadyRequest": ("string name = 1", "string version = 2"),
    "ModelReadyResponse": ("bool ready = 1",),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": ("string name = 1", "string version = 2", "repeated string extensions = 3"),
    "ModelMetadataRequest": ("string name = 1", "string version = 2"),
    "TensorMetadata": ("string name = 1", "string datatype = 2", "repeated int64 shape = 3"),
    "ModelMetadataResponse": (
        "string name = 1", "repeated string versions = 2", "string platform = 3",
        "repeated TensorMetadata inputs = 4", "repeated TensorMetadata outputs = 5",
    ),
    "InferParameter": (
        "bool bool_param = 1", "int64 int64_param = 2", "string string_param = 3", "double double_param = 4",
        "uint64 uint64_param = 5",
    ),
    "InferTensorContents": (
        "repeated bool bool_contents = 1", "repeated int32 int_contents = 2", "repeated int64 int64_contents = 3",
        "repeated uint32 uint_contents = 4", "repeated uint64 uint64_contents = 5", "repeated float fp32_contents = 6",
        "repeated double fp64_contents = 7", "repeated bytes bytes_contents = 8",
    ),
    "InferInputTensor": (
        "string name = 1", "string datatype = 2", "repeated int64 shape = 3", _PARAMETERS,
        "InferTensorContents contents = 5",
    ),
    "InferRequestedOutputTensor": ("string name = 1", "map InferParameter parameters = 2"),
    "ModelInferRequest": (
        "string model_name = 1", "string model_version = 2", "string id = 3", _PARAMETERS,
        "repeated InferInputTensor inputs = 5", "repeated InferRequestedOutputTensor outputs = 6",
        "repeated bytes raw_input_contents = 7",
    ),
    "InferOutputTensor": (
        "string name = 1", "string datatype = 2", "repeated int64 shape = 3", _PARAMETERS,
        "InferTensorContents contents = 5",
    ),
    "ModelInferResponse": (
        "string model_name = 1", "string model_version = 2", "string id = 3", _PARAMETERS,
        "repeated InferOutputTensor outputs = 5", "repeated bytes raw_output_contents = 6",
    ),
    "RepositoryIndexRequest": ("string repository_name = 1", "bool ready = 2"),
    "ModelIndex": ("string name = 1", "string version = 2", "string state = 3", "string reason = 4"),
    "RepositoryIndexResponse": ("repeated ModelIndex models = 1",),
    "ModelConfigRequest": ("string name = 1", "string version = 2"),
    "ModelInput": ("string name = 1", "int32 data_type = 2", "repeated int64 dims = 4", "bool optional = 8"),
    "ModelOutput": ("string name = 1", "int32 data_type = 2", "repeated int64 dims = 3"),
    "ModelConfig": (
        "string name = 1", "string platform = 2", "int32 max_batch_size = 4", "repeated ModelInput input = 5",
        "repeated ModelOutput output = 6",
    ),
    "ModelConfigResponse": ("ModelConfig config = 1",),
}  # fmt: skip
_FIELD = re.compile(r"(?:(repeated|map) )?(\w+) (\w+) = (\d+)")
_Field = descriptor_pb2.FieldDescriptorProto


def _add_field(message: Any, line: str) -> None:
    match = _FIELD.fullmatch(line)
    assert match is not None
    label, kind, name, number = match.groups()
    field = message.field.add(name=name, number=int(number))
    field.label = _Field.LABEL_OPTIONAL if label is None else _Field.LABEL_REPEATED
    if label == "map":
        kind = _add_entry(message, kind)
    if kind[0].islower():
        field.type = getattr(_Field, f"TYPE_{kind.upper()}")
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".inference.{kind}"


def _add_entry(message: Any, kind: str) -> str:
    """A map is a list of nested messages: https://protobuf.dev/programming-guides/proto3/#backwards."""
    entry = message.nested_type.add(name="ParametersEntry")
    entry.options.map_entry = True
    _add_field(entry, "string key = 1")
    _add_field(entry, f"{kind} value = 2")
    return f"{message.name}.ParametersEntry"


def _made() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="mlconfig/open_inference.proto", package="inference", syntax="proto3"
    )
    for name, lines in _FIELDS.items():
        message = file.message_type.add(name=name)
        for line in lines:
            _add_field(message, line)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"inference.{name}") for name in _FIELDS}
    return {name: message_factory.GetMessageClass(each) for name, each in found.items()}


MESSAGES = _made()
"""The class of each message by its name."""

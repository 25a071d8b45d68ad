"""``onnx``: features and model as one graph for ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mlconfig.contracts.exporter import Exporter, ExporterTags, Packed
from mlconfig.errors import PackagingError
from mlconfig.vocabulary import Task

if TYPE_CHECKING:
    import onnx

OPSET, ML_OPSET = 21, 3
STANDARD_DOMAINS = {"", "ai.onnx.ml"}


class OnnxExporter(Exporter):
    """One file, no external data, no operators but the standard's.

    Inputs ``num`` (float or double [rows, k]), ``cat`` (string [rows, m]), ``time`` (int64 [rows, t]), those with columns.
    Outputs ``label`` (int64 [rows], the class's place in the signature) and ``probabilities`` (float [rows, classes]), or
    ``value`` (float [rows, 1]). The precision is that of ``num`` and of the features' arithmetic; models reckon in double.
    """

    tags: ClassVar[ExporterTags] = ExporterTags(file="model.onnx")

    def export(self, pipeline: Any, packed: Packed, task: Task, precision: Literal["float32", "float64"]) -> bytes:
        """The bytes of the graph. Raises ``PackagingError`` when a step has no converter."""
        from skl2onnx import convert_sklearn

        try:
            model = convert_sklearn(
                pipeline,
                name="mlconfig",  # else a random one, and the same model would be other bytes each time
                initial_types=_inputs(packed, precision),
                target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
                options={"zipmap": False} if _is_foreign_classifier(pipeline) else None,
            )
        except PackagingError:
            raise
        except Exception as error:
            raise PackagingError(
                f"the pipeline cannot be written as ONNX: {type(error).__name__}: {error}",
                hint="a transform or a model of another package must register its converter (register_onnx)",
            ) from error
        _name_outputs(model, task)
        _check_plain(model)
        return bytes(model.SerializeToString())


def _inputs(packed: Packed, precision: str) -> list[tuple[str, Any]]:
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType

    number = DoubleTensorType if precision == "float64" else FloatTensorType
    groups = (
        ("num", packed.numeric, number),
        ("cat", packed.categorical, StringTensorType),
        ("time", packed.timestamp, Int64TensorType),
    )
    return [(name, kind([None, len(columns)])) for name, columns, kind in groups if columns]


def _is_foreign_classifier(pipeline: Any) -> bool:
    """Whether skl2onnx would add a ZipMap: it does to classifiers that it knows itself."""
    from sklearn.base import is_classifier

    estimator = pipeline.steps[-1][1]
    return bool(is_classifier(estimator)) and not hasattr(estimator, "onnx_converter")


def _name_outputs(model: onnx.ModelProto, task: Task) -> None:
    wanted = ("value",) if task == "regression" else ("label", "probabilities")
    outputs = model.graph.output
    if len(outputs) != len(wanted):
        raise PackagingError(f"the graph has {len(outputs)} outputs; a model of task {task} has {len(wanted)}")
    taken = {name for node in model.graph.node for name in (*node.input, *node.output)}
    names = {output.name: name for output, name in zip(outputs, wanted, strict=True)}
    names = {old: new for old, new in names.items() if old != new}
    names = {new: f"{new}_inside" for new in names.values() if new in taken} | names
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for output in outputs:
        output.name = names.get(output.name, output.name)


def _check_plain(model: onnx.ModelProto) -> None:
    strange = sorted({node.domain for node in model.graph.node} - STANDARD_DOMAINS)
    if strange:
        raise PackagingError(f"the graph needs operators of {', '.join(strange)}, which a plain runtime has not")
    if any(tensor.data_location for tensor in model.graph.initializer):
        raise PackagingError("the graph keeps data outside its file")

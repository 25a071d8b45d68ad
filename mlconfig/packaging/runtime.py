"""The packaged bytes, asked in this process: for parity, evaluation and batch."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from mlconfig.errors import PackagingError
from mlconfig.records.packing import Feeds, Precision, Predicted


class PackagedModel:
    """A graph in ONNX Runtime. Raises ``PackagingError`` when the runtime does not take it.

    Args:
        model: the bytes of ``model.onnx``.
        threads: of one call.
    """

    def __init__(self, model: bytes, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        try:
            self.session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            text = str(error).split("\n", 1)[0]
            raise PackagingError(f"ONNX Runtime does not take the graph: {text}", where="model.onnx") from error
        self.outputs = [output.name for output in self.session.get_outputs()]

    @cached_property
    def precision(self) -> Precision:
        """The type of ``num``; pack with it. float32 where there is no such input."""
        kinds = {each.name: each.type for each in self.session.get_inputs()}
        return "float64" if kinds.get("num") == "tensor(double)" else "float32"

    def predict(self, feeds: Feeds) -> Predicted:
        """Labels and probabilities, or values, of packed rows."""
        given = feeds
        if "num" in feeds and feeds["num"].dtype != self.precision:
            given = feeds | {"num": feeds["num"].astype(self.precision)}
        found = dict(zip(self.outputs, self.session.run(None, given), strict=True))
        if "value" in found:
            return Predicted(np.asarray(found["value"], dtype=np.float64).reshape(-1))
        return Predicted(
            np.asarray(found["probabilities"], dtype=np.float64), np.asarray(found["label"], dtype=np.int64)
        )

"""The ONNX file that all peers load, with one thread, and a row packed for it. Runs in the peers' own environments."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

OUTPUTS = ["label", "probabilities"]


class Model:
    """Answers rows by the model of a folder, which holds ``model.onnx`` and ``signature.json``."""

    def __init__(self, folder: Path) -> None:
        columns = json.loads((folder / "signature.json").read_text())["columns"]
        self.numbers = [column["name"] for column in columns if column["kind"] == "numeric"]
        self.texts = [column["name"] for column in columns if column["kind"] == "categorical"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = (folder / "model.onnx").read_bytes()
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def answer(self, row: Mapping[str, Any]) -> tuple[int, list[float]]:
        """The class and the probabilities of one row by name."""
        return self.run([[row[name] for name in self.numbers]], [[row[name] for name in self.texts]])[0]

    def run(self, numbers: Any, texts: Any) -> list[tuple[int, list[float]]]:
        """The class and the probabilities of each row."""
        feeds = {"num": np.asarray(numbers, np.float32), "cat": np.asarray(texts, object)}
        labels, probabilities = self._session.run(OUTPUTS, feeds)
        return list(zip(labels.tolist(), probabilities.tolist(), strict=True))

"""A packaged version in memory: its bytes checked, its ONNX session warm."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from pydantic import ValidationError

from mlconfig.errors import ServingError
from mlconfig.records.packing import Feeds, Packing, Precision, pack_rows
from mlconfig.records.signature import Signature

MODEL, SIGNATURE = "model.onnx", "signature.json"

Array = np.ndarray[Any, Any]
Scored = tuple[Array | None, Array, Array | None]
"""``codes``, ``scores`` and ``probabilities`` as `Predictions` has them."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers to n rows.

    ``codes`` int64 [n] (classification), ``labels`` the JSON values (a class, or the number), ``scores`` float64 [n] (binary:
    probability of the positive class; multiclass: of the predicted one; regression: the value), ``probabilities`` float
    [n, classes] (classification).
    """

    codes: Array | None
    labels: list[Any]
    scores: Array
    probabilities: Array | None


class Predictor:
    """One version's graph. Thread-safe; ``run`` uses one thread, because replicas are scaled and not threads."""

    def __init__(self, session: ort.InferenceSession, signature: Signature, sha256: str) -> None:
        self.signature, self.sha256 = signature, sha256
        self._session = session
        self._inputs = {given.name: _dtype(given.type) for given in session.get_inputs()}
        outputs = {given.name for given in session.get_outputs()}
        self._outputs = ["value"] if signature.task == "regression" else ["label", "probabilities"]
        if missing := sorted(set(self._outputs) - outputs):
            raise ServingError(f"the graph has no output `{missing[0]}`", MODEL, "package the version again")
        self._classes = list(signature.classes)

    @classmethod
    def load(cls, folder: Path, sha256: str) -> Predictor:
        """Load a version's folder. The digest of ``model.onnx`` is checked first; then one batch warms the session up.

        Raises ServingError when a file is missing, the bytes are others, or the graph cannot run.
        """
        signature = read_signature(folder)
        try:
            data = (folder / MODEL).read_bytes()
        except OSError as error:
            raise ServingError(f"the model cannot be read: {error.strerror}", str(folder / MODEL)) from None
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            what = f"the bytes are not those that passed the gate: sha256 {found[:12]}…, wanted {sha256[:12]}…"
            raise ServingError(what, str(folder / MODEL), "restore the version's folder, or register it again")
        try:
            predictor = cls(ort.InferenceSession(data, _options(), ["CPUExecutionProvider"]), signature, sha256)
            predictor.warm_up()
        except ServingError:
            raise
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise ServingError(f"the graph cannot be run: {error}", str(folder / MODEL)) from error
        return predictor

    @property
    def precision(self) -> Precision:
        """The float type that the graph declares for ``num``."""
        return "float64" if self._inputs.get("num") is np.float64 else "float32"

    def run(self, feeds: Feeds) -> Predictions:
        """Predict. ``feeds``: ``num`` float [n, k], ``cat`` object [n, m], ``time`` int64 [n, t]; unneeded ones are ignored."""
        codes, scores, probabilities = self.score(feeds)
        labels = scores.tolist() if codes is None else [self._classes[code] for code in codes.tolist()]
        return Predictions(codes, labels, scores, probabilities)

    def score(self, feeds: Feeds) -> Scored:
        """Predict, without the labels as Python objects."""
        given = {
            name: feeds[name] if dtype is None else feeds[name].astype(dtype, copy=False)
            for name, dtype in self._inputs.items()
        }
        out = self._session.run(self._outputs, given)
        if self.signature.task == "regression":
            return None, out[0].reshape(-1).astype(np.float64), None
        codes, probabilities = out[0].reshape(-1).astype(np.int64, copy=False), out[1]
        is_binary = self.signature.task == "binary"
        scores = probabilities[:, 1] if is_binary else probabilities[np.arange(len(codes)), codes]
        return codes, scores.astype(np.float64), probabilities

    def warm_up(self) -> None:
        """Run one row and one batch of missing values, so that no request pays for the first call."""
        for rows in (1, 64):
            self.run(pack_rows([{}] * rows, Packing.of(self.signature), self.signature.time_zone))


def _dtype(onnx_type: str) -> type | None:
    """The numpy type of a tensor; None for text, which stays object."""
    return {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}.get(onnx_type)


def _options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def read_signature(folder: Path) -> Signature:
    """The signature of a version's folder. Raises ServingError."""
    file = folder / SIGNATURE
    try:
        return Signature.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ServingError(f"the signature cannot be read: {error.strerror}", str(file)) from None
    except ValidationError as error:
        raise ServingError(f"the signature is damaged: {error.error_count()} fault(s)", str(file)) from None

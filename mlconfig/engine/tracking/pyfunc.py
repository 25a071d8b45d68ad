"""The loader that MLflow calls for our versions: the packaged ONNX bytes, packed as the endpoint packs, no pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from mlconfig.serving.predictor import Predictor

DIGEST = "mlconfig.json"
"""Beside the version's files: the sha256 of the bytes that were registered."""


class OnnxVersion:
    """A version as MLflow sees it."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``prediction`` (the class, or the value) and ``score`` of each row, as the endpoint answers them.

        Args:
            rows: a frame with the signature's features.
        """
        import pandas as pd
        import pyarrow as pa

        from mlconfig.records.packing import Packing, pack_table

        signature = self._predictor.signature
        packing = Packing.of(signature)
        table = pa.Table.from_pandas(rows[list(packing.names)], preserve_index=False)
        feeds = pack_table(table, packing, signature.time_zone, self._predictor.precision)
        answers = self._predictor.run(feeds)
        return pd.DataFrame({"prediction": answers.labels, "score": answers.scores}, index=rows.index)


def _load_pyfunc(path: str) -> OnnxVersion:
    """What MLflow calls with the model's data folder. Raises ``ServingError`` when the bytes are others than registered."""
    from mlconfig.serving.predictor import Predictor

    folder = Path(path)
    sha256 = json.loads((folder / DIGEST).read_text())["sha256"]
    return OnnxVersion(Predictor.load(folder, sha256))

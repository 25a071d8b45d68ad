"""The server that a good engineer writes by hand in an afternoon: FastAPI, pydantic, ONNX Runtime with one thread.

Started as `python serving_peer.py MODEL.onnx SIGNATURE.json PORT` in the environment that the benchmark makes. It
checks each row by pydantic and answers one JSON object; it has no prediction log, no versions, no batching.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, create_model


class Answer(BaseModel):
    """What a client gets."""

    prediction: int
    probabilities: list[float]


def make_app(model: Path, signature: Path) -> FastAPI:
    """Numeric features only, as the benchmark's recipe has them."""
    names = [column["name"] for column in json.loads(signature.read_text())["columns"] if column["role"] == "feature"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.read_bytes(), options, providers=["CPUExecutionProvider"])
    row_type = create_model("Row", __config__=ConfigDict(extra="forbid"), **dict.fromkeys(names, (float, ...)))
    app = FastAPI()

    @app.post("/predict")
    async def predict(row: row_type) -> Answer:
        values = np.array([[getattr(row, name) for name in names]], np.float32)
        label, probabilities = session.run(["label", "probabilities"], {"num": values})
        return Answer(prediction=int(label[0]), probabilities=probabilities[0].tolist())

    return app


if __name__ == "__main__":
    application = make_app(Path(sys.argv[1]), Path(sys.argv[2]))
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[3]), access_log=False, log_level="warning")

"""The server that a good engineer writes by hand in an afternoon: FastAPI, pydantic, ONNX Runtime with one thread.

Started as `python serving_fastapi.py PORT` in a folder with the model, in an environment of its own. It checks each row by
pydantic and answers one JSON object; it has no prediction log, no versions, no batching.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, create_model
from serving_model import Model


class Answer(BaseModel):
    """What a client gets."""

    prediction: int
    probabilities: list[float]


def make_app(model: Model) -> FastAPI:
    """One path."""
    fields = dict.fromkeys(model.numbers, (float, ...)) | dict.fromkeys(model.texts, (str, ...))
    row_type = create_model("Row", __config__=ConfigDict(extra="forbid"), **fields)
    app = FastAPI()

    @app.post("/predict")
    async def predict(row: row_type) -> Answer:
        label, probabilities = model.answer(row.__dict__)
        return Answer(prediction=label, probabilities=probabilities)

    return app


if __name__ == "__main__":
    uvicorn.run(
        make_app(Model(Path())), host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools",
        access_log=False, log_level="warning",
    )  # fmt: skip

"""BentoML's service: one worker, the row checked by pydantic, as `bentoml serve serving_bentoml:Predictor` runs it."""

from pathlib import Path

import bentoml
from pydantic import ConfigDict, create_model
from serving_model import Model

MODEL = Model(Path())
FIELDS = dict.fromkeys(MODEL.numbers, (float, ...)) | dict.fromkeys(MODEL.texts, (str, ...))
Row = create_model("Row", __config__=ConfigDict(extra="forbid"), **FIELDS)


@bentoml.service(workers=1, resources={"cpu": "1"}, logging={"access": {"enabled": False}})
class Predictor:
    """One path."""

    @bentoml.api
    async def predict(self, row: Row) -> dict:
        """The class and the probabilities of one row."""
        label, probabilities = MODEL.answer(row.__dict__)
        return {"prediction": label, "probabilities": probabilities}

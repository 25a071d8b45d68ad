"""MLServer's custom runtime over its own V2 protocol; `mlserver start` finds it by the settings beside it."""

from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from serving_model import Model


class Runtime(MLModel):
    """Tensors `num` and `cat` in, the class and the probabilities out."""

    async def load(self) -> bool:
        """Open the session."""
        self.session = Model(Path(self.settings.parameters.uri))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer one request."""
        numbers, texts = payload.inputs
        rows = texts.shape[0]
        told = self.session.run(
            NumpyCodec.decode_input(numbers),
            [StringCodec.decode_input(texts)[place::rows] for place in range(rows)],
        )
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                ResponseOutput(
                    name="prediction", shape=[len(told)], datatype="INT64", data=[label for label, _ in told]
                ),
                ResponseOutput(
                    name="probabilities",
                    shape=[len(told), 2],
                    datatype="FP32",
                    data=[p for _, two in told for p in two],
                ),
            ],
        )

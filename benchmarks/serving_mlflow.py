"""MLflow's pyfunc of the same file. `python serving_mlflow.py` saves it into `./pyfunc`, for `mlflow models serve`."""

from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from serving_model import Model


class Pyfunc(mlflow.pyfunc.PythonModel):
    """A frame in, a record a row out."""

    def load_context(self, context):
        """Open the session."""
        self.session = Model(Path(context.artifacts["model"]).parent)

    def predict(self, context, model_input):
        """MLflow asks for these names of the arguments."""
        del context
        session = self.session
        told = session.run(model_input[session.numbers].to_numpy(), model_input[session.texts].to_numpy())
        return [{"prediction": label, "probabilities": probabilities} for label, probabilities in told]


if __name__ == "__main__":
    model = Model(Path())
    row = pd.DataFrame([dict.fromkeys(model.numbers, 0.5) | dict.fromkeys(model.texts, "red")])
    mlflow.pyfunc.save_model(
        "pyfunc",
        python_model=Pyfunc(),
        artifacts={"model": "model.onnx", "signature": "signature.json"},
        code_paths=["serving_model.py"],
        signature=infer_signature(row),
        pip_requirements=["mlflow", "onnxruntime"],
    )

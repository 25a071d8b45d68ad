"""LitServe's server: one worker, one server process, the fast queue. Started as `python serving_litserve.py PORT`."""

import sys
from pathlib import Path

import litserve
from serving_model import Model


class Api(litserve.LitAPI):
    """A row by name in, the class and the probabilities out."""

    def setup(self, device: str) -> None:
        """Open the session, in the worker."""
        del device
        self.session = Model(Path())

    def decode_request(self, request: dict) -> dict:
        """The row as it came."""
        return request

    def predict(self, row: dict) -> tuple:
        """One row."""
        return self.session.answer(row)

    def encode_response(self, output: tuple) -> dict:
        """Ready for JSON."""
        return {"prediction": output[0], "probabilities": output[1]}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", devices=1, workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", access_log=False,
        generate_client_file=False,
    )  # fmt: skip

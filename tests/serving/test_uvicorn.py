"""One smoke test over a real socket."""

import threading

import httpx
import uvicorn

from mlconfig.records.prediction_log import PredictionLog, log_folder
from mlconfig.serving.app import App


def test_a_real_server_answers_and_logs(make_service):
    service = make_service()
    config = uvicorn.Config(App(service), host="127.0.0.1", port=0, lifespan="on", log_level="warning")
    server = uvicorn.Server(config)
    started = threading.Event()

    class Started(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            started.set()

    server = Started(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(20)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            ids = []
            for age in range(20):
                answer = client.post("/v1/churn/predict", json={"age": age, "hours-per-week": 1, "plan": None})
                assert answer.status_code == 200
                ids.append(answer.headers["x-prediction-id"])
            big = client.post(
                "/v1/churn/predict", content=b" " * (2**20 + 1), headers={"content-type": "application/json"}
            )
            assert big.status_code == 413
            chunks = (b" " * 65536 for _ in range(17))
            assert (
                client.post(
                    "/v1/churn/predict", content=chunks, headers={"content-type": "application/json"}
                ).status_code
                == 413
            )
            assert client.get("/readyz").json()["version"] == "1"
    finally:
        server.should_exit = True
        thread.join()
    logged = PredictionLog(log_folder(service.storage, "churn")).predictions()
    assert logged.column("prediction_id").to_pylist() == ids

"""Replays later hotel bookings to an endpoint, month by month, each month's labels after its predictions.

    python docs/replay.py http://127.0.0.1:PORT/v1/hotel_bookings path/to/hotel_bookings.csv

The URL is what `mlconfig apply recipes/hotel_bookings.yaml` printed, without `/predict`. Between two months the controller
gets some seconds to judge the windows and, where the policy says so, to retrain.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import httpx
import pandas as pd

BLOCK, PAUSE_S = 500, 20.0


def later_bookings(file: str) -> pd.DataFrame:
    """The bookings that the recipe did not learn from, in the order of their arrival, with the time a request carries."""
    rows = pd.read_csv(file)
    year, month, day = (rows[f"arrival_date_{part}"].astype(str) for part in ("year", "month", "day_of_month"))
    rows["event_time"] = pd.to_datetime(year + month + day, format="%Y%B%d")
    return rows[rows["event_time"] >= pd.Timestamp("2015-11-01")].sort_values("event_time", kind="stable")


def send(client: httpx.Client, path: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Post rows in blocks; the answers, where there are any."""
    answers: list[dict[str, Any]] = []
    for start in range(0, len(rows), BLOCK):
        reply = client.post(path, json={"rows": rows[start : start + BLOCK]}).raise_for_status().json()
        answers += reply.get("predictions", [])
    return answers


def main(url: str, file: str) -> None:
    """Print a line a month: the version that answered, the rows, the share of right answers."""
    bookings = later_bookings(file)
    with httpx.Client(base_url=url, timeout=30.0) as client:
        for month, rows in bookings.groupby(bookings["event_time"].dt.strftime("%Y-%m")):
            signature = client.get("").raise_for_status().json()["signature"]
            fields = [column["name"] for column in signature["columns"]]
            answers = send(client, "/predict", json.loads(rows[fields].to_json(orient="records", date_format="iso")))
            truth = rows["is_canceled"].tolist()
            pairs = list(zip(answers, truth, strict=True))
            version = client.get("").json()["version"]
            right = sum(answer["prediction"] == label for answer, label in pairs) / len(pairs)
            print(f"{month}  version {version}  {len(pairs):4} rows  accuracy {right:.2f}", flush=True)
            labels = [{"prediction_id": answer["prediction_id"], "label": label} for answer, label in pairs]
            send(client, "/feedback", labels)
            time.sleep(PAUSE_S)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A real HTTP server for sinks to post to, and alerts to post."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlconfig.records.verdict import Alert, Finding
from mlconfig.vocabulary import Window


class Handler(BaseHTTPRequestHandler):
    """Answers with the next of ``answers`` (the last one for ever) and keeps what it was sent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Takes everything, unless ``answers`` says otherwise; ``got`` holds (path, headers, body)."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.got, found.answers = [], [204]
        thread = threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def told() -> Alert:
    """An alert with all that it can carry."""
    moved = [
        Finding(
            column=name, statistic="psi", drift_score=score, threshold=0.09, is_drift=True,
            message=f"`{name}` moved: PSI {score:.3f} over 0.090",
        )
        for name, score in (("age", 0.41), ("income", 0.12))
    ]  # fmt: skip
    return Alert(
        recipe="churn", owner="risk team", endpoint="churn", version="7", rule="drift", episode="0f3a", signal="input_drift",
        state="lasting", severity="critical", action="retrain",
        what="input_drift of version 7: lasting since 2027-01-15 06:00 UTC: `age` moved: PSI 0.410 over 0.090; `income` moved: "
        "PSI 0.120 over 0.090; probably the world has changed, and stays so",
        cause="lasting_drift", value=0.41, threshold=0.09, normal=(0.0, 0.05), since=1_799_992_800.0,
        window=Window(start=1_800_032_400.0, end=1_800_036_000.0), at=1_800_036_060.0, repeat_at=1_800_122_460.0,
        advice="See https://wiki/runbook?a=1&b=2; if it lasts, retrain on recent rows.", findings=tuple(moved),
    )  # fmt: skip


@pytest.fixture
def ended(told: Alert) -> Alert:
    """Its end."""
    over = {"resolved": True, "state": "ok", "what": "input_drift of version 7 is ok again", "at": told.at + 7200.0}
    return told.model_copy(
        update={**over, "advice": "", "cause": None, "value": 0.02, "findings": (), "repeat_at": None}
    )


HOSTILE = (
    "<!channel> & <https://evil|click> @here",
    "line\r\nBcc: victim@example.org\r\n\r\nbody",
    "null \x00 and \x1b[31m escape",
    "異常 🚨 \u202eabc",
    "&amp;" * 2000,
    "<" * 9000,
    " ",
)
"""Texts that a column name or a label may bring into an alert."""


@pytest.fixture(params=range(len(HOSTILE)))
def hostile(request: pytest.FixtureRequest, told: Alert) -> Alert:
    """An alert whose every text is one of those."""
    text = HOSTILE[request.param]
    found = tuple(finding.model_copy(update={"message": text, "column": text}) for finding in told.findings)
    return told.model_copy(update={"what": text, "advice": text, "owner": text, "findings": found * 40})

"""Slack, PagerDuty and Alertmanager are posted what their documents ask for; people's payloads are golden."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from mlconfig.builtin.sink_alertmanager import GRACE_S, Alertmanager
from mlconfig.builtin.sink_pagerduty import PagerDuty
from mlconfig.builtin.sink_slack import Slack
from mlconfig.builtin.sink_webhook import Webhook
from mlconfig.errors import PluginError
from mlconfig.testing.laws_sink import (
    an_alert_in_any_script_is_delivered,
    it_leaves_the_alert_alone,
    the_same_alert_may_come_twice,
)

LAWS = (an_alert_in_any_script_is_delivered, it_leaves_the_alert_alone, the_same_alert_may_come_twice)
GOLDEN = Path(__file__).parent / "golden"
KINDS = {
    "webhook": (Webhook, {}),
    "slack": (Slack, {}),
    "pagerduty": (PagerDuty, {"routing_key": "k" * 32}),
    "alertmanager": (Alertmanager, {}),
}


def sink(kind, server, **more):
    cls, needed = KINDS[kind]
    params = {"url": f"http://127.0.0.1:{server.server_port}/private", "backoff": "1ms", **needed, **more}
    return cls(cls.Params.model_validate_json(json.dumps(params), strict=True))


def posted(kind, server, alert, **more):
    sink(kind, server, **more).send(alert)
    return json.loads(server.got[-1][2])


def texts(block):
    """Every text object of a block."""
    return [block["text"]] if "text" in block else block.get("fields", [])


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_tried_again_while_it_may_pass_and_raises_without_its_address(kind, server, told):
    server.answers = [503, 429, 202]
    sink(kind, server).send(told)
    assert len(server.got) == 3
    assert len({body for _, _, body in server.got}) == 1
    server.answers = [400]
    with pytest.raises(PluginError, match=f"sink `{kind}`: 127.0.0.1 answered 400") as caught:
        sink(kind, server).send(told)
    assert len(server.got) == 4, "what is refused is not asked again"
    assert "private" not in str(caught.value)
    assert "kkkk" not in str(caught.value)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_the_laws_of_local_sinks_hold_for_those_that_post(kind, law, server):
    law(sink(kind, server))
    assert server.got


@pytest.mark.parametrize(("name", "which"), [("slack_alert", "told"), ("slack_end", "ended")])
def test_a_slack_message_is_the_golden_one(server, request, name, which):
    message = posted("slack", server, request.getfixturevalue(which))
    assert message == json.loads((GOLDEN / f"{name}.json").read_text())
    assert server.got[-1][0] == "/private"


def test_a_slack_message_keeps_slacks_limits_and_marks_nothing_up(server, hostile):
    message = posted("slack", server, hostile)
    assert 1 <= len(message["blocks"]) <= 50
    for block in message["blocks"]:
        assert len(block.get("fields", ())) <= 10
        limit = {"header": 150}.get(block["type"], 2000 if "fields" in block else 3000)
        for text in texts(block):
            assert 1 <= len(text["text"]) <= limit
            if text["type"] == "mrkdwn":
                assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", text["text"]), "unescaped, or an escape cut in two"
                assert text["verbatim"]
            assert not re.search(r"[\x00-\x08\x0b-\x1f]", text["text"])
    assert "<!" not in message["text"]


def test_pagerduty_opens_updates_and_closes_one_incident(server, told, ended):
    event = posted("pagerduty", server, told)
    assert (event["routing_key"], event["event_action"]) == ("k" * 32, "trigger")
    assert event["dedup_key"] == "mlconfig/churn/drift/0f3a"
    payload = event["payload"]
    assert payload["summary"] == "Critical: churn · input_drift is lasting"
    assert (payload["source"], payload["severity"], payload["component"], payload["class"], payload["group"]) == (
        "churn", "critical", "input_drift", "drift", "churn",
    )  # fmt: skip
    assert datetime.fromisoformat(payload["timestamp"]).timestamp() == told.at
    details = payload["custom_details"]
    assert (details["value"], details["normal"], details["version"], details["owner"]) == (
        "0.41 (threshold 0.09)", "0 to 0.05", "7", "risk team",
    )  # fmt: skip
    assert details["cause"] == "probably the world has changed, and stays so"
    assert details["findings"] == [finding.message for finding in told.findings]
    again = posted("pagerduty", server, told.model_copy(update={"repeated": True, "at": told.at + 1}))
    end = posted("pagerduty", server, ended)
    assert again["dedup_key"] == end["dedup_key"] == event["dedup_key"]
    assert end["event_action"] == "resolve"
    other = posted("pagerduty", server, told.model_copy(update={"episode": "77"}))
    assert other["dedup_key"] != event["dedup_key"]


def test_pagerduty_keeps_its_limits(server, hostile):
    event = posted("pagerduty", server, hostile.model_copy(update={"rule": "r" * 400, "endpoint": "e" * 2000}))
    assert len(event["payload"]["summary"]) <= 1024
    assert len(event["dedup_key"]) <= 255
    assert len(server.got[-1][2]) < 512 * 1024
    assert event["payload"]["severity"] in ("critical", "error", "warning", "info")


def test_an_alertmanager_alert_is_known_by_what_does_not_change_while_it_lasts(server, told, ended):
    (alert,) = posted("alertmanager", server, told, labels={"team": "risk", "severity": "none of it"})
    assert server.got[-1][0] == "/private/api/v2/alerts"
    assert alert["labels"] == {
        "alertname": "drift", "severity": "critical", "endpoint": "churn", "signal": "input_drift", "rule": "drift",
        "recipe": "churn", "team": "risk",
    }  # fmt: skip
    notes = alert["annotations"]
    assert (notes["summary"], notes["state"], notes["version"]) == (
        "Critical: churn · input_drift is lasting",
        "lasting",
        "7",
    )
    assert notes["advice"] == told.advice
    assert notes["description"] == told.what
    assert all(isinstance(value, str) for value in notes.values())
    assert alert["startsAt"] == "2027-01-15T06:00:00.000Z"
    assert datetime.fromisoformat(alert["endsAt"]).timestamp() == told.repeat_at + GRACE_S
    later = told.model_copy(update={"version": "8", "state": "alert", "value": 0.5})
    (end,) = posted("alertmanager", server, ended, labels={"team": "risk"})
    (other,) = posted("alertmanager", server, later, labels={"team": "risk"})
    assert alert["labels"] == end["labels"] == other["labels"]
    assert datetime.fromisoformat(end["endsAt"]).timestamp() == ended.at
    assert end["startsAt"] == alert["startsAt"]


def test_an_alertmanager_may_want_a_token(server, told):
    sink("alertmanager", server, token="t0ken").send(told)
    sink("alertmanager", server).send(told)
    assert [headers.get("Authorization") for _, headers, _ in server.got] == ["Bearer t0ken", None]


def test_an_alert_from_the_future_begins_no_later_than_it_is_said(server, told):
    (alert,) = posted("alertmanager", server, told.model_copy(update={"since": told.at + 99, "repeat_at": None}))
    assert datetime.fromisoformat(alert["startsAt"]).timestamp() == told.at
    assert "endsAt" not in alert


def test_a_label_that_prometheus_would_refuse_is_refused(server):
    with pytest.raises(ValueError, match="`my-team` is no label"):
        sink("alertmanager", server, labels={"my-team": "risk"})

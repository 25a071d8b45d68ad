"""Alerts arrive: in the file, in the log, and at a real HTTP server, signed."""

import hashlib
import hmac
import json
import logging
import re
from pathlib import Path

import pytest

from mlconfig.builtin.sink_log import LogSink
from mlconfig.builtin.sink_webhook import DELIVERY, SIGNATURE, Webhook
from mlconfig.contracts import Context
from mlconfig.errors import PluginError
from mlconfig.records.verdict import Alert

ALERT = Alert(
    recipe="churn", endpoint="churn", version="3", signal="input_drift", state="alert", what="`x` moved", at=1.0
)


def webhook(server, **more):
    params = {"url": f"http://127.0.0.1:{server.server_port}/hook/private", "backoff": "1ms", **more}
    return Webhook(Webhook.Params.model_validate_json(json.dumps(params), strict=True))


def test_the_log_sink_writes_json_lines_and_a_sentence(tmp_path, caplog):
    sink = LogSink(context=Context(project=tmp_path))
    with caplog.at_level(logging.INFO, "mlconfig.alerts"):
        sink.send(ALERT)
        sink.send(ALERT.model_copy(update={"resolved": True}))
    lines = (tmp_path / ".mlconfig" / "alerts.jsonl").read_text().splitlines()
    assert Alert.model_validate_json(lines[0]) == ALERT
    assert json.loads(lines[1])["resolved"] is True
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.messages[0] == "churn: `x` moved"


def test_the_log_sink_raises_when_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        LogSink(LogSink.Params(path="file/alerts.jsonl"), Context(project=tmp_path)).send(ALERT)


def test_a_post_is_signed_over_its_very_bytes(server):
    webhook(server, secret="s3cret").send(ALERT)
    ((path, headers, body),) = server.got
    assert path == "/hook/private"
    assert Alert.model_validate_json(body) == ALERT
    assert headers[SIGNATURE] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    webhook(server).send(ALERT)
    assert SIGNATURE not in server.got[1][1]
    assert server.got[1][1][DELIVERY] == headers[DELIVERY]


def test_the_manual_tells_how_to_check_a_signature(server):
    manual = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    told = {}
    exec(re.search(r"```python\n(.*?def is_ours.*?)```", manual, re.DOTALL)[1], told)
    webhook(server, secret="s3cret").send(ALERT)
    ((_, headers, body),) = server.got
    assert told["is_ours"](body, headers, "s3cret")
    assert not told["is_ours"](body + b" ", headers, "s3cret")
    assert not told["is_ours"](body, headers, "other")
    assert not told["is_ours"](body, {}, "s3cret")
    assert DELIVERY in manual


def test_it_is_tried_again_while_it_may_pass(server):
    server.answers = [503, 429, 204]
    webhook(server).send(ALERT)
    assert len(server.got) == 3


@pytest.mark.parametrize(("answer", "tries"), [(500, 3), (404, 1)])
def test_it_raises_after_the_last_try_without_the_address(server, answer, tries):
    server.answers = [answer]
    with pytest.raises(PluginError, match=f"127.0.0.1 answered {answer}") as caught:
        webhook(server).send(ALERT)
    assert len(server.got) == tries
    assert "private" not in str(caught.value)


def test_an_absent_server_is_an_error(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(PluginError, match="could not be reached"):
        webhook(server, tries=1).send(ALERT)


@pytest.mark.parametrize("url", ["http://[::bad/private", "http://127.0.0.1:bad/private", "http:///private"])
def test_a_secret_that_holds_no_address_is_told_without_it(url):
    with pytest.raises(PluginError) as caught:
        Webhook(Webhook.Params(url=url, tries=1)).send(ALERT)
    assert "sink `webhook`" in str(caught.value)
    assert "private" not in str(caught.value)


def test_an_address_may_be_a_secret_until_it_is_used():
    assert Webhook.Params(url="${secret:HOOK}").url == "${secret:HOOK}"
    with pytest.raises(ValueError, match="url"):
        Webhook.Params(url="ftp://x")

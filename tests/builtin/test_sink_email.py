"""Mail reaches a real SMTP server: its text, its thread, and no header but ours."""

import email
import json
import logging
import socket
import ssl
import subprocess
from email import policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from mlconfig.builtin.sink_email import Email, as_html, as_text
from mlconfig.errors import PluginError
from mlconfig.testing.laws_sink import (
    an_alert_in_any_script_is_delivered,
    it_leaves_the_alert_alone,
    the_same_alert_may_come_twice,
)

LAWS = (an_alert_in_any_script_is_delivered, it_leaves_the_alert_alone, the_same_alert_may_come_twice)
GOLDEN = Path(__file__).parent / "golden"


class Inbox:
    """Keeps mail; refuses recipients whose address begins with `no`."""

    def __init__(self):
        self.got = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 — aiosmtpd's name
        if address.startswith("no"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 — aiosmtpd's name
        self.got.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


def free_port():
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return once.getsockname()[1]


@pytest.fixture
def smtp():
    """Starts SMTP servers on 127.0.0.1; gives each one's inbox and port."""
    running = []

    def start(**how):
        inbox = Inbox()
        controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **how)
        controller.start()
        running.append(controller)
        return inbox, controller.port

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    key, crt = folder / "key.pem", folder / "crt.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    return context, crt


def sink(port, **more):
    params = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "mlconfig <ml@example.org>",
              "recipients": ["ann@example.org", "bob@example.org"], "timeout": "5s", **more}  # fmt: skip
    return Email(Email.Params.model_validate_json(json.dumps(params), strict=True))


def part(mail, kind):
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


@pytest.mark.parametrize(("name", "which"), [("email_alert", "told"), ("email_end", "ended")])
def test_a_mail_is_the_golden_one(smtp, request, name, which):
    alert = request.getfixturevalue(which)
    inbox, port = smtp()
    sink(port).send(alert)
    ((recipients, mail),) = inbox.got
    assert recipients == ["ann@example.org", "bob@example.org"]
    assert part(mail, "plain") == (GOLDEN / f"{name}.txt").read_text() == as_text(alert)
    assert part(mail, "html") == (GOLDEN / f"{name}.html").read_text() == as_html(alert)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "http" not in part(mail, "html").replace("https://wiki/runbook", ""), "nothing is fetched"


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_laws_of_local_sinks_hold_for_mail(law, smtp):
    inbox, port = smtp()
    law(sink(port))
    assert inbox.got


def test_what_is_sent_twice_is_one_mail_and_an_episode_is_one_thread(smtp, told, ended):
    inbox, port = smtp()
    repeated = told.model_copy(update={"repeated": True, "at": told.at + 86400})
    other = told.model_copy(update={"episode": "77"})
    for alert in (told, told, repeated, ended, other):
        sink(port).send(alert)
    mails = [mail for _, mail in inbox.got]
    ids, threads = [mail["Message-ID"] for mail in mails], [mail["References"] for mail in mails]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert len(set(threads[:4])) == 1
    assert threads[4] != threads[0]
    assert all(str(each).endswith("@example.org>") for each in [*ids, *threads])
    assert [mail["Subject"] for mail in mails[2:4]] == [
        "Critical: churn · input_drift is still lasting",
        "Resolved: churn · input_drift",
    ]


def test_no_text_becomes_a_header_or_markup(smtp, hostile):
    inbox, port = smtp()
    bad = hostile.model_copy(update={"signal": hostile.what, "rule": hostile.what, "endpoint": hostile.what})
    for alert in (hostile, bad):
        sink(port).send(alert)
    for recipients, mail in inbox.got:
        assert recipients == ["ann@example.org", "bob@example.org"]
        assert mail["Bcc"] is None
        assert len(mail["Subject"]) <= 200
        assert "\x00" not in part(mail, "plain")
        assert "<https" not in part(mail, "html")


def test_a_login_goes_over_tls_only(smtp, told, certificate, monkeypatch):
    context, crt = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(crt))
    asked = []

    def check(server, session, envelope, mechanism, login):
        assert isinstance(login, LoginPassword)
        asked.append((session.ssl is not None, login.login, login.password))
        return AuthResult(success=login.password == b"s3cret", handled=False)

    inbox, port = smtp(tls_context=context, authenticator=check, auth_required=True)
    sink(port, security="starttls", user="ann", password="s3cret").send(told)
    assert asked == [(True, b"ann", b"s3cret")]
    assert len(inbox.got) == 1
    with pytest.raises(PluginError, match=r"sink `email`: 127\.0\.0\.1 answered 535") as caught:
        sink(port, security="starttls", user="ann", password="wrong").send(told)
    assert "wrong" not in str(caught.value)
    with pytest.raises(ValueError, match="a password is not sent in clear"):
        sink(port, user="ann", password="s3cret")
    with pytest.raises(ValueError, match="`user` and `password` go together"):
        sink(port, user="ann")


def test_tls_from_the_first_byte_and_no_trust_in_strangers(smtp, told, certificate, monkeypatch):
    context, crt = certificate
    inbox, port = smtp(ssl_context=context)
    with pytest.raises(PluginError, match=r"could not be used \(SSLCertVerificationError\)"):
        sink(port, security="tls").send(told)
    monkeypatch.setenv("SSL_CERT_FILE", str(crt))
    sink(port, security="tls").send(told)
    assert len(inbox.got) == 1


def test_some_refused_recipients_are_logged_and_all_refused_is_a_failure(smtp, told, caplog):
    inbox, port = smtp()
    with caplog.at_level(logging.WARNING):
        sink(port, recipients=["ann@example.org", "Nobody <nobody@example.org>"]).send(told)
    assert "127.0.0.1 took the alert, but not for recipient 2 (550) of 2" in caplog.text
    assert "nobody" not in caplog.text
    assert [recipients for recipients, _ in inbox.got] == [["ann@example.org"]]
    with pytest.raises(PluginError, match=r"took it for none of 1 recipients \(550\)"):
        sink(port, recipients=["nobody@example.org"]).send(told)


def test_a_server_that_is_not_there_or_offers_no_tls_is_a_failure(smtp, told):
    with pytest.raises(PluginError, match=r"127.0.0.1 could not be used \(ConnectionRefusedError\)"):
        sink(free_port()).send(told)
    _, port = smtp()
    with pytest.raises(PluginError, match=r"could not be used \(SMTPNotSupportedError\)"):
        sink(port, security="starttls").send(told)


@pytest.mark.parametrize("wrong", ["ann", "a@b\nBcc: c@d"])
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(ValueError, match="recipients"):
        sink(25, recipients=[wrong])
    assert sink(25, recipients=["${secret:TO}"]).params.recipients == ("${secret:TO}",)

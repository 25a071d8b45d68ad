"""Alerts as mail, through an SMTP server.

Formats: RFC 5322 (threads by Message-ID and References), RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

import hashlib
import logging
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from html import escape
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from mlconfig.builtin.alert_text import cut, facts, findings, headline, identity
from mlconfig.contracts.sink import Sink, SinkTags
from mlconfig.errors import PluginError
from mlconfig.records.verdict import Alert
from mlconfig.vocabulary import Duration, Frozen, Tuple

logger = logging.getLogger(__name__)

SUBJECT = 200
Address = Annotated[str, Field(pattern=r"^[^\r\n]*(@|\$\{secret:)[^\r\n]*$")]


class Email(Sink):
    """Sends a mail as text and as HTML; raises ``PluginError`` when the server took it for nobody.

    Where the server refuses some of the recipients, that is logged and the alert counts as delivered: sent again, it would
    reach the others twice and those never. What is sent twice has the same Message-ID, and an episode is one thread.
    """

    class Params(Frozen):
        """Which server, from whom, and to whom."""

        host: str = Field(min_length=1, description="The SMTP server.")
        port: int = Field(587, ge=1, le=65535, description="587 for `starttls`, 465 for `tls`, 25 inside a network.")
        security: Literal["starttls", "tls", "none"] = Field(
            "starttls", description="starttls | tls | none (in clear)."
        )
        user: str | None = Field(None, min_length=1, description="Null: without a login.")
        password: str | None = Field(None, min_length=1, description='A secret: "${secret:SMTP_PASSWORD}".')
        sender: Address = Field(description="From: mlconfig <ml@example.org>.")
        recipients: Annotated[Tuple[Address], Field(min_length=1)] = Field(description="To.")
        timeout: Annotated[Duration, Field(gt=timedelta(0))] = Field(
            timedelta(seconds=15), description="Of each answer."
        )

        @model_validator(mode="after")
        def _both_or_neither(self) -> Email.Params:
            if (self.user is None) != (self.password is None):
                raise ValueError("`user` and `password` go together")
            if self.user is not None and self.security == "none":
                raise ValueError("a password is not sent in clear: use `security: starttls` or `tls`")
            return self

    params: Email.Params
    tags: ClassVar[SinkTags] = SinkTags(remote=True)

    def send(self, alert: Alert) -> None:
        """Deliver, or raise."""
        try:
            mail = message(alert, self.params.sender, self.params.recipients)
            with self._server() as server:
                if self.params.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.params.user is not None and self.params.password is not None:
                    server.login(self.params.user, self.params.password)
                refused = server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = ", ".join(sorted({str(code) for code, _ in error.recipients.values()}))
            raise self._failed(f"took it for none of {len(error.recipients)} recipients ({codes})") from None
        except smtplib.SMTPResponseException as error:
            raise self._failed(f"answered {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self._failed(f"could not be used ({type(error).__name__})") from None
        if refused:
            logger.warning("%s took the alert, but not for %s", self.params.host, self._which(refused))

    def _server(self) -> AbstractContextManager[smtplib.SMTP]:
        host, port, timeout = self.params.host, self.params.port, self.params.timeout.total_seconds()
        if self.params.security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=timeout, context=ssl.create_default_context())
        return smtplib.SMTP(host, port, timeout=timeout)

    def _which(self, refused: Mapping[str, tuple[int, bytes]]) -> str:
        """By their places: an address may be a secret."""
        codes = {address.casefold(): code for address, (code, _) in refused.items()}
        addresses = [parseaddr(each)[1].casefold() for each in self.params.recipients]
        places = [f"{place} ({codes[each]})" for place, each in enumerate(addresses, start=1) if each in codes]
        return f"recipient {', '.join(places)} of {len(addresses)}, which alerts.sinks lists"

    def _failed(self, what: str) -> PluginError:
        return PluginError(f"{self.params.host} {what}", where="sink `email`")


def message(alert: Alert, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The mail. Raises ``ValueError`` for addresses that are none."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    thread = f"<{_digest(identity(alert))}@{domain}>"
    mail = EmailMessage()
    mail["Subject"] = cut(headline(alert), SUBJECT)
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    mail["Date"] = format_datetime(datetime.fromtimestamp(alert.at, UTC))
    mail["Message-ID"] = f"<{_digest(f'{identity(alert)} {alert.at} {alert.state} {alert.resolved}')}@{domain}>"
    mail["In-Reply-To"] = mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(as_text(alert))
    mail.add_alternative(as_html(alert), subtype="html")
    return mail


def as_text(alert: Alert) -> str:
    """The body as text."""
    told = facts(alert)
    wide = max(map(len, told))
    lines = [told.pop("What"), "", *(f"{name:<{wide}}  {value}" for name, value in told.items())]
    shown = findings(alert)
    return "\n".join([*lines, *(["", "Findings", *(f"- {each}" for each in shown)] if len(shown) > 1 else [])]) + "\n"


def as_html(alert: Alert) -> str:
    """The body as HTML, without anything that is fetched."""
    told = facts(alert)
    what = escape(told.pop("What"))
    style = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"
    rows = "".join(
        f'<tr><th style="{style}">{name}</th><td>{_lines(value)}</td></tr>\n' for name, value in told.items()
    )
    shown = "".join(f"<li>{escape(each)}</li>\n" for each in findings(alert)) if len(alert.findings) > 1 else ""
    listed = f"<p>Findings</p>\n<ul>\n{shown}</ul>\n" if shown else ""
    return (
        f'<!doctype html>\n<html><body style="font-family:sans-serif">\n<h3>{escape(headline(alert))}</h3>\n'
        f"<p>{what}</p>\n<table>\n{rows}</table>\n{listed}</body></html>\n"
    )


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]

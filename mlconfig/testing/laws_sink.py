"""Laws of a sink: what it is given leaves it, whatever is written in it, or it raises."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

from mlconfig.contracts import Sink
from mlconfig.records.verdict import Alert, Finding
from mlconfig.testing.law import Law, demand

TEXTS = ("Größe moved: PSI 0.31 over 0.09", "異常 🚨 \u202eabc", 'quotes " and \\ and\nnew lines', "null \x00 inside")
_EFFECTS = {
    "open", "os.rename", "socket.connect", "socket.sendto", "socket.sendmsg", "sqlite3.connect", "subprocess.Popen",
    "os.posix_spawn", "os.system", "syslog.syslog", "smtplib.connect",
}  # fmt: skip
_seen: list[str] | None = None


def laws_for(plugin: Sink) -> list[Law]:
    """For a local one all of them. A remote one is not sent to by a test: its author checks it against a server of theirs."""
    local: list[Law] = [an_alert_in_any_script_is_delivered, the_same_alert_may_come_twice, it_leaves_the_alert_alone]
    return [] if plugin.tags.remote else local


MOMENTS = {"new": {}, "said again": {"repeated": True}, "ended": {"resolved": True}}
"""The moments at which an alert is given."""


def alert(text: str = TEXTS[0], *, resolved: bool = False, repeated: bool = False) -> Alert:
    """An alert with a finding."""
    finding = Finding(column="größe", statistic="psi", drift_score=0.31, threshold=0.09, is_drift=True, message=text)
    return Alert(
        recipe="shop", owner="équipe@example.org", endpoint="shop", version="3", rule="drift", episode="1f",
        signal="input_drift", state="ok" if resolved else "alert", severity="critical", resolved=resolved, repeated=repeated,
        what=text, cause=None if resolved else "spike", value=0.31, threshold=0.09, normal=(0.0, 0.05),
        since=1_800_000_000.0, at=1_800_003_600.0, repeat_at=None if resolved else 1_800_090_000.0, advice=text,
        findings=() if resolved else (finding,),
    )  # fmt: skip


def an_alert_in_any_script_is_delivered(plugin: Sink) -> None:
    """A local sink delivers an alert whatever script it is written in, or raises: it never drops one in silence."""
    for number, text in enumerate(TEXTS):
        for moment, how in MOMENTS.items():
            sink = type(plugin)(plugin.params, plugin.context)
            with _watched() as effects:
                sink.send(alert(text, **how))
            demand(
                effects,
                f"alert {number + 1} ({moment}) left no trace in a file, stream, log or socket",
                "send every alert, repeated and resolved ones too; raise where it cannot be sent",
            )


def the_same_alert_may_come_twice(plugin: Sink) -> None:
    """The same alert may be given twice: after a crash it is sent again."""
    for _ in range(2):
        demand(plugin.send(alert()) is None, "send() returned something", "return nothing: raising is the only refusal")


def it_leaves_the_alert_alone(plugin: Sink) -> None:
    """A sink does not alter the alert: others are given the same one."""
    given = alert()
    plugin.send(given)
    demand(given == alert(), "the alert was altered", "work on alert.model_copy(update=…)")


@contextlib.contextmanager
def _watched() -> Iterator[list[str]]:
    """What goes out of the process meanwhile: opened for writing, connected, spawned, printed, logged."""
    global _seen  # noqa: PLW0603 — an audit hook stays for ever, so it looks at one place whether to listen
    _hook()
    effects: list[str] = []
    stream, handler = io.StringIO(), _Listener(effects)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            _seen = effects
            yield effects
    finally:
        _seen = None
        logging.getLogger().removeHandler(handler)
    if stream.getvalue():
        effects.append("printed")


class _Listener(logging.Handler):
    """Notes that something was logged."""

    def __init__(self, effects: list[str]) -> None:
        super().__init__()
        self.effects = effects

    def emit(self, record: logging.LogRecord) -> None:
        self.effects.append(f"logged {record.name}")


_hooked: list[bool] = []


def _hook() -> None:
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None or event not in _EFFECTS:
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        return
    _seen.append(event)

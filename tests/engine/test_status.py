"""What `status` says of the route: since when its version is live, and what is beside it."""

import time

import pytest
from rich.console import Console

from mlconfig.cli.status import _print_live
from mlconfig.engine.status import Status, _promotion, _unloadable
from mlconfig.engine.workspace import Workspace
from mlconfig.records.route import Canary, RouteTable, RouteVersion
from mlconfig.sections import Engine

FIRST, SECOND, THIRD = (RouteVersion(version=name, artifact_sha256=name * 64, folder=f"v{name}") for name in "123")


def table(generation, champion, reason, **beside):
    return RouteTable(
        endpoint="shop", generation=generation, champion=champion, created_at=generation * 60.0, reason=reason, **beside
    )


HISTORY = [
    table(5, SECOND, "shadow", shadows=(THIRD,)),
    table(4, SECOND, "canary"),
    table(3, SECOND, "apply"),
    table(2, FIRST, "rollback"),
    table(1, SECOND, "earlier"),
]


@pytest.fixture
def status():
    return Status(
        name="shop", endpoint="shop", url="http://x", problem="", applied=True, route=HISTORY[0],
        promotion=_promotion(HISTORY), serving={"generation": 5},
    )  # fmt: skip


def said(status):
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as capture:
        _print_live(console, status)
    return capture.get()


def test_a_version_is_live_since_it_became_the_champion(status):
    assert status.promotion == HISTORY[2]
    assert _promotion([]) is None
    text = said(status)
    assert "live since 1970-01-01 00:03" in text
    assert ": apply" in text
    assert "shadow: version 3" in text


def test_a_canary_is_told_with_its_share(status):
    canary = Canary(version=THIRD, percent=30.0, expires=time.time() + 60)
    beside = Status(**{**vars(status), "route": table(6, SECOND, "canary", canary=canary)})
    assert "canary: version 3 gets 30 % until" in said(beside)


def test_a_fallback_that_answers_is_told_with_why(status, tmp_path):
    makeshift = Status(**{**vars(status), "serving": {"generation": 5, "fallback": True}})
    why = _unloadable(Workspace(tmp_path, Engine()), makeshift)
    assert why
    assert _unloadable(Workspace(tmp_path, Engine()), status) == ""
    text = said(Status(**{**vars(makeshift), "unloadable": "the bytes are others"}))
    assert "the fallback answers: the version cannot be loaded: the bytes are others" in text
    mended = said(makeshift)
    assert "the fallback answers: the version could not be loaded when the replica last tried" in mended

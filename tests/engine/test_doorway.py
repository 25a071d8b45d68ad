"""The door as a recipe declares it: made with its secrets, and never open to others than this machine."""

import time

import pytest

from mlconfig.builtin.authenticator_jwt import TokenGuard
from mlconfig.contracts import RequestRefusedError
from mlconfig.engine.doorway import access_of, check_guard, refuse_open_to_all
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError, PluginError, ServingError
from mlconfig.lifecycle.store import Store
from mlconfig.records.key_table import KeyRow, Pepper, draw_key
from mlconfig.sections import Engine, Serving

KEYS = Serving.model_validate({"auth": {"name": "keys"}})


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, Engine())


def test_a_key_opens_from_the_next_poll_on_and_not_after_it_was_revoked(workspace):
    key_id, key = draw_key()
    digest = Pepper.make(workspace.storage).digest(key.encode()).hex()
    row = KeyRow(id=key_id, client="shop", scopes=("predict",), digest=digest, created_at=time.time())
    with Store.open(workspace.state_uri) as store:
        access, poller = access_of(workspace, "churn", KEYS, ())
        poller.poll_once()
        with pytest.raises(RequestRefusedError):
            access.admit("predict", {b"x-api-key": key.encode()})
        store.keys.add("churn", row, "ada")
        poller.poll_once()
        assert access.admit("predict", {b"x-api-key": key.encode()}).client == "shop"
        store.keys.revoke("churn", key_id, time.time(), "ada")
        poller.start()
        with pytest.raises(RequestRefusedError):
            access.admit("predict", {b"x-api-key": key.encode()})
        poller.stop()
    assert (workspace.storage / "keys" / "churn.json").exists()


def test_without_auth_there_is_nothing_to_poll(workspace):
    access, poller = access_of(workspace, "churn", Serving(), ())
    assert (access.guard, access.admit("admin", {}), poller) == (None, None, None)


def test_secrets_are_resolved_where_the_guard_is_made(workspace, monkeypatch):
    params = {"issuer": "${secret:ISSUER}", "audience": ["a"], "jwks": "jwks.json"}
    serving = Serving.model_validate({"auth": {"name": "jwt", "params": params}})
    with pytest.raises(EngineError, match="the secret `ISSUER`"):
        access_of(workspace, "churn", serving, ())
    monkeypatch.setenv("ISSUER", "https://id")
    access, poller = access_of(workspace, "churn", serving, ())
    assert isinstance(access.guard, TokenGuard)
    poller.poll_once()
    assert "jwks.json: the key set cannot be read" in poller.problem
    assert not (workspace.storage / "keys").exists()
    with pytest.raises(PluginError, match=r"jwks\.json: the key set cannot be read"):
        check_guard(workspace, "churn", serving, ())


def test_what_needs_nothing_is_not_held_up(workspace):
    check_guard(workspace, "churn", Serving(), ())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_everybody_may_come_in_from_this_machine(host):
    refuse_open_to_all(f"http://{host}:8000", Serving())


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "node.example.org"])
def test_and_from_nowhere_else(host):
    with pytest.raises(ServingError, match="only loopback"):
        refuse_open_to_all(f"http://{host}:8000", Serving())
    refuse_open_to_all(f"http://{host}:8000", KEYS)

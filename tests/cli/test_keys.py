"""`mlconfig keys`: made and shown once, listed without what lets in, revoked; mistakes in words."""

import json
import re
import sqlite3
import stat
import time

import pytest

from mlconfig.builtin.authenticator_keys import Keys
from mlconfig.cli import keys as verb
from mlconfig.contracts import Premises, RequestRefusedError
from mlconfig.lifecycle.store import Store
from mlconfig.records.key_table import SCOPES

AUTH = "serving.auth=keys"


def test_the_verb_knows_all_scopes():
    assert verb.SCOPES == SCOPES


def opens(project, key):
    """What the key is good for, as a replica finds out."""
    guard = Keys().guard(Premises("toy", project / ".mlconfig"))
    with Store.open(f"sqlite:///{project / '.mlconfig' / 'lifecycle.db'}") as store:
        guard.take(store.keys.table("toy"))
    try:
        return set(guard.admit({b"x-api-key": key.encode()}, time.time()).scopes)
    except RequestRefusedError as problem:
        return problem.status


def test_a_life_of_a_key(project, run):
    made = run("keys", "create", "toy.yaml", AUTH, "--client", "shop")
    assert made.code == 0, made.err
    key = made.out.strip()
    assert re.fullmatch(r"mlc_[A-Za-z0-9]{10}_[A-Za-z0-9]{43}", key)
    assert "for shop: predict, until " in made.err
    assert key not in made.err
    assert opens(project, key) == {"predict"}

    listed = run("keys", "list", "toy.yaml", AUTH, "-o", "json").json
    assert [(each["id"], each["client"], each["scopes"], each["state"]) for each in listed] == [
        (key.split("_")[1], "shop", ["predict"], "live")
    ]
    assert "digest" not in listed[0]

    ended = run("keys", "revoke", "toy.yaml", key.split("_")[1], AUTH)
    assert (ended.code, ended.out) == (0, f"{key.split('_')[1]} of shop is revoked\n")
    assert opens(project, key) == 401
    again = run("keys", "revoke", "toy.yaml", key.split("_")[1], AUTH)
    assert (again.code, again.out) == (0, f"{key.split('_')[1]} of shop was revoked already\n")
    assert "there is no key" in run("keys", "list", "toy.yaml", AUTH).out
    everything = run("keys", "list", "toy.yaml", AUTH, "--all")
    assert "revoked" in everything.out


def test_for_machines(project, run):
    made = run("keys", "create", "toy.yaml", AUTH, "--client", "ci", "--scope", "admin", "--scope", "feedback",
               "--expires", "2h", "-o", "json")  # fmt: skip
    tree = made.json
    assert (made.err, tree["endpoint"], tree["client"], tree["scopes"]) == ("", "toy", "ci", ["admin", "feedback"])
    assert tree["expires"] == pytest.approx(time.time() + 7200, abs=30)
    assert opens(project, tree["key"]) == {"admin", "feedback"}
    assert run("keys", "list", "toy.yaml", AUTH, "--expiring", "1h").code == 0
    soon = run("keys", "list", "toy.yaml", AUTH, "--expiring", "3h", "-o", "json")
    assert (soon.code, len(soon.json)) == (1, 1)
    ended = run("keys", "revoke", "toy.yaml", tree["id"], AUTH, "-o", "json").json
    assert (ended["id"], ended["revoked_before"]) == (tree["id"], False)


def test_without_end(project, run):
    made = run("keys", "create", "toy.yaml", AUTH, "--client", "shop", "--expires", "never", "-o", "json").json
    assert made["expires"] is None
    assert "never" in run("keys", "list", "toy.yaml", AUTH).out
    assert run("keys", "list", "toy.yaml", AUTH, "--expiring", "365d").code == 0


def test_a_third_key_is_refused(project, run):
    for _ in range(2):
        assert run("keys", "create", "toy.yaml", AUTH, "--client", "shop").code == 0
    third = run("keys", "create", "toy.yaml", AUTH, "--client", "shop")
    assert (third.code, third.out) == (2, "")
    assert "`shop` has 2 live keys" in third.err
    assert "hint: revoke the one that is not used any more" in third.err


def test_neither_database_nor_files_hold_a_key(project, run):
    key = run("keys", "create", "toy.yaml", AUTH, "--client", "shop").out.strip()
    for file in (project / ".mlconfig").rglob("*"):
        assert not file.is_file() or key[15:].encode() not in file.read_bytes(), file
    assert stat.S_IMODE((project / ".mlconfig" / "keys.pepper").stat().st_mode) == 0o600
    with sqlite3.connect(project / ".mlconfig" / "lifecycle.db") as database:
        (row,) = database.execute("SELECT json FROM access_key").fetchall()
    assert len(json.loads(row[0])["digest"]) == 64


def test_a_lost_pepper_is_not_made_anew(project, run):
    run("keys", "create", "toy.yaml", AUTH, "--client", "shop")
    (project / ".mlconfig" / "keys.pepper").unlink()
    ended = run("keys", "create", "toy.yaml", AUTH, "--client", "shop")
    assert ended.code == 2
    assert "bring it back from a backup" in ended.err


def test_a_pepper_from_a_secret(project, run, monkeypatch):
    given = ('serving.auth={name: keys, params: {pepper: "${secret:PEPPER}"}}',)
    assert (
        "the secret `PEPPER` is not in the environment"
        in run("keys", "create", "toy.yaml", *given, "--client", "shop").err
    )
    monkeypatch.setenv("PEPPER", "short")
    assert "fewer than 16 characters" in run("keys", "create", "toy.yaml", *given, "--client", "shop").err
    monkeypatch.setenv("PEPPER", "long enough for this")
    assert run("keys", "create", "toy.yaml", *given, "--client", "shop").code == 0
    assert not (project / ".mlconfig" / "keys.pepper").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("create", "toy.yaml", "--client", "shop"),
            "serving.auth: is `none`, so nobody is asked for a key\n  hint: write",
        ),
        (("create", "toy.yaml", AUTH), "Missing option '--client'"),
        (("create", "toy.yaml", AUTH, "--client", "a b"), "`a b` is no name"),
        (("create", "toy.yaml", AUTH, "--client", "a", "--scope", "root"), "'root' is not one of"),
        (("create", "toy.yaml", AUTH, "--client", "a", "--expires", "soon"), "`soon` is no duration"),
        (("create", "toy.yaml", AUTH, "--client", "a", "--expires", "0s"), "longer than nothing"),
        (("create", "toy.yaml", AUTH, "serving.rate_limit.per_secnd=1", "--client", "a"), "did you mean `per_second`?"),
        (("create", "toy.yaml", "serving.auth=keyz", "--client", "a"), "did you mean `keys`?"),
        (
            ("create", "toy.yaml", AUTH, "serving=none", "monitoring=none", "retraining=none", "--client", "a"),
            "serving",
        ),
        (("revoke", "toy.yaml", "nothing", AUTH), "there is no key `nothing`"),
    ],
)
def test_mistakes_are_told(project, run, words, told):
    ended = run("keys", *words)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_pasted_key_is_not_repeated(project, run):
    key = run("keys", "create", "toy.yaml", AUTH, "--client", "shop").out.strip()
    other = run("keys", "revoke", "toy.yaml", key[:4] + "-" + key[5:], AUTH)
    assert other.code == 2
    assert f"did you mean `{key.split('_')[1]}`?" in other.err
    assert key[15:] not in other.err
    assert run("keys", "revoke", "toy.yaml", key, AUTH).code == 0


def test_status_and_doctor_show_no_key(project, run):
    made = run("keys", "create", "toy.yaml", AUTH, "--client", "shop", "-o", "json").json
    for words in (("status", "toy.yaml", AUTH), ("status", "toy.yaml", AUTH, "-o", "json"), ("doctor",)):
        ended = run(*words)
        assert made["id"] not in ended.out + ended.err
        assert made["key"][15:] not in ended.out + ended.err


@pytest.mark.parametrize("limit", ["serving.rate_limit.per_second=5", "serving.rate_limit.per_day=5"])
def test_a_limit_needs_keys(project, run, limit):
    ended = run("plan", "toy.yaml", limit)
    assert ended.code == 2
    assert (
        "serving.rate_limit: needs auth: requests are counted by key (write serving.auth: keys, or remove it)"
        in ended.err
    )
    assert run("plan", "toy.yaml", limit, AUTH).code == 0

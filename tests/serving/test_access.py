"""Who is let in where: each scope at each path with each kind of credential, over HTTP and gRPC; and how often."""

import asyncio
import json
import logging

import httpx
import pytest

from mlconfig.builtin.authenticator_keys import Keys
from mlconfig.builtin.protocol_oip import OipProtocol
from mlconfig.contracts import Premises
from mlconfig.records.key_table import KeyRow, KeyTable, Pepper, draw_key
from mlconfig.sections.serving import RateLimit, Serving
from mlconfig.serving.access import Access
from mlconfig.serving.app import App
from mlconfig.serving.calls import Calls

ROW = {"age": 30, "hours-per-week": 40.5, "plan": "pro"}
SCOPES = ("predict", "feedback", "admin")


class Clock:
    """Stands still until it is moved."""

    now = 1_800_000_000.0

    def __call__(self):
        return self.now


class Door:
    """A service behind keys: `give` makes one, `tell` lets the guard know them."""

    def __init__(self, make_service, storage, limit=None, **protocols):
        self.clock = Clock()
        self.pepper, self.rows = Pepper.make(storage), []
        self.guard = Keys().guard(Premises("churn", storage))
        self.service = make_service()
        self.service.access = Access(self.guard, limit, self.clock)
        self.service.protocols = {**self.service.protocols, **protocols}
        self.app = App(self.service)
        self.generation = 0

    def give(self, *scopes, expires=None, client="shop"):
        key_id, key = draw_key()
        digest = self.pepper.digest(key.encode()).hex()
        self.rows.append(
            KeyRow(id=key_id, client=client, scopes=scopes, digest=digest, created_at=self.clock.now, expires=expires)
        )
        self.tell()
        return key

    def tell(self):
        self.generation += 1
        self.guard.take(KeyTable(endpoint="churn", generation=self.generation, keys=tuple(self.rows)))

    def revoke(self, key):
        self.rows = [row for row in self.rows if row.id != key.split("_")[1]]
        self.tell()

    def ask(self, method, path, headers=None, **options):
        async def run():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(run())


@pytest.fixture
def door(make_service, tmp_path):
    return Door(make_service, tmp_path)


def bearing(key):
    return {"authorization": f"Bearer {key}"}


PATHS = [
    ("POST", "/v1/churn/predict", "predict", ROW),
    ("POST", "/v1/churn/feedback", "feedback", {"prediction_id": "a", "label": "yes"}),
    ("GET", "/v1/churn", "predict", None),
    ("GET", "/v1/churn/", "predict", None),
    ("GET", "/metrics", "admin", None),
    ("GET", "/v1/churn/metrics", "admin", None),
    ("HEAD", "/metrics", "admin", None),
]
OPEN = ["/healthz", "/readyz", "/openapi.json", "/v1/churn/healthz", "/v1/churn/readyz", "/v1/churn/openapi.json"]


@pytest.mark.parametrize(("method", "path", "scope", "body"), PATHS, ids=[f"{m} {p}" for m, p, _, _ in PATHS])
def test_each_scope_at_each_path_with_each_credential(door, method, path, scope, body):
    def status(headers):
        reply = door.ask(method, path, headers, **({} if body is None else {"json": body}))
        challenge = reply.headers.get("www-authenticate")
        assert (challenge is not None) == (reply.status_code in (401, 403))
        return reply.status_code, challenge

    keys = {each: door.give(each, client=each) for each in SCOPES}
    expired = door.give(*SCOPES, expires=door.clock.now - 1.0)
    revoked = door.give(*SCOPES)
    assert status(bearing(revoked))[0] == 200
    door.revoke(revoked)
    invalid = 'Bearer realm="mlconfig", error="invalid_token"'
    assert status({}) == (401, 'Bearer realm="mlconfig"')
    assert status(bearing("nonsense")) == (401, invalid)
    assert status(bearing(keys[scope][:-1] + ("a" if keys[scope][-1] != "a" else "b"))) == (401, invalid)
    assert status(bearing(expired)) == (401, invalid)
    assert status(bearing(revoked)) == (401, invalid)
    for other in SCOPES:
        wanted = (200, None) if other == scope else (
            403, f'Bearer realm="mlconfig", error="insufficient_scope", scope="{scope}"'
        )  # fmt: skip
        assert status(bearing(keys[other])) == wanted
        assert status({"x-api-key": keys[other]}) == wanted
    assert status(bearing(door.give(*SCOPES, client="all"))) == (200, None)


@pytest.mark.parametrize("path", OPEN)
def test_probes_and_the_document_are_for_anybody(door, path):
    for headers in ({}, bearing("nonsense")):
        assert door.ask("GET", path, headers).status_code == 200


def test_every_path_that_needs_a_key_is_among_them(door):
    routes = door.app._routes._routes
    guarded = {path for path, route in routes.items() if route.operation.scope is not None}
    assert guarded == {path for _, path, _, _ in PATHS}
    assert {path for path, route in routes.items() if route.operation.scope is None} == set(OPEN)


def test_no_body_is_read_before_the_key(door):
    async def receive():
        raise AssertionError("the body was asked for")

    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"999999999999")]
    scope = {"type": "http", "method": "POST", "path": "/v1/churn/predict", "headers": headers}
    asyncio.run(door.app(scope, receive, send))
    assert sent[0]["status"] == 401
    asyncio.run(door.app({**scope, "headers": [(b"content-type", b"application/x-ndjson")]}, receive, send))
    assert sent[2]["status"] == 401


def test_before_the_keys_are_known_nobody_is_let_in(door):
    reply = door.ask("POST", "/v1/churn/predict", bearing("mlc_0123456789_" + "0" * 43), json=ROW)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert door.ask("GET", "/readyz").status_code == 200


def test_a_refusal_is_counted_and_says_what_to_do(door):
    key = door.give("feedback")
    assert door.ask("POST", "/v1/churn/predict", json=ROW).json() == {
        "error": {
            "what": "this needs a credential", "where": "authorization",
            "hint": "send Authorization: Bearer mlc_…, or x-api-key",
        }
    }  # fmt: skip
    door.ask("POST", "/v1/churn/predict", bearing(key), json=ROW)
    door.ask("POST", "/v1/churn/predict", bearing(key), json=ROW)
    assert door.service.counts().requests["predict"] == {401: 1, 403: 2}
    door.service.write_counts()
    page = door.ask("GET", "/metrics", bearing(door.give("admin"))).text
    counted = [line for line in page.splitlines() if line.startswith("mlconfig_requests_total")]
    assert [line.rpartition(" ")[2] for line in counted if '"403"' in line] == ["2.0"], counted


def test_nothing_secret_is_logged(door, caplog):
    caplog.set_level(logging.DEBUG)
    key = door.give("predict")
    for headers in (bearing(key), bearing(key[:-1]), {"x-api-key": key + "0"}):
        door.ask("POST", "/v1/churn/predict", headers, json=ROW)
    assert key[15:] not in caplog.text
    everything = b"".join(file.read_bytes() for file in door.service.storage.rglob("*") if file.is_file())
    assert key[15:].encode() not in everything


def test_without_auth_everybody_is_let_in(make_service):
    app = App(make_service())
    reply = Door.ask(type("Open", (), {"app": app})(), "POST", "/v1/churn/predict", bearing("nonsense"), json=ROW)
    assert reply.status_code == 200


def test_grpc_passes_the_same_door(door):
    door.service.protocols = {"oip": OipProtocol()}
    calls = Calls(door.service)

    def code(method, *metadata):
        return asyncio.run(calls.answer(method, b"", metadata)).code

    for method, operation in ((m, o) for m, (_, o) in calls._methods.items()):
        open_to_all = operation.scope is None
        assert (code(method) != "UNAUTHENTICATED") == open_to_all, method
        for scope in SCOPES:
            said = code(method, ("authorization", f"Bearer {door.give(scope, client=method + scope)}"))
            denied = said in ("UNAUTHENTICATED", "PERMISSION_DENIED")
            assert denied == (not open_to_all and scope != operation.scope), (method, scope)
    assert any(operation.scope for _, operation in calls._methods.values())


def test_a_key_is_let_in_so_often_a_second(make_service, tmp_path):
    door = Door(make_service, tmp_path, RateLimit(per_second=2.0))
    one, other = door.give("predict"), door.give("predict", client="other")

    def ask(key):
        reply = door.ask("GET", "/v1/churn", bearing(key))
        return reply.status_code, reply.headers.get("retry-after")

    assert [ask(one) for _ in range(3)] == [(200, None), (200, None), (429, "1")]
    assert ask(other) == (200, None)
    door.clock.now += 0.5
    assert [ask(one) for _ in range(2)] == [(200, None), (429, "1")]
    door.clock.now += 3600.0
    assert [ask(one)[0] for _ in range(3)] == [200, 200, 429]
    door.clock.now -= 7200.0  # the clock is set back
    assert ask(one)[0] == 429
    assert door.ask("GET", "/healthz").status_code == 200


def test_a_slow_limit_says_how_long_to_wait(make_service, tmp_path):
    door = Door(make_service, tmp_path, RateLimit(per_second=0.1))
    key = door.give("predict")
    assert door.ask("GET", "/v1/churn", bearing(key)).status_code == 200
    reply = door.ask("GET", "/v1/churn", bearing(key))
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "10")
    assert reply.json()["error"]["what"] == "this key may make 0.1 requests a second"
    door.clock.now += 10.0
    assert door.ask("GET", "/v1/churn", bearing(key)).status_code == 200


def test_a_key_is_let_in_so_often_a_day(make_service, tmp_path):
    door = Door(make_service, tmp_path, RateLimit(per_day=2))
    door.clock.now = 20_000 * 86_400.0 + 86_000.0
    key = door.give("predict", "feedback")
    assert [door.ask("GET", "/v1/churn", bearing(key)).status_code for _ in range(2)] == [200, 200]
    reply = door.ask("POST", "/v1/churn/feedback", bearing(key), content=b"{")
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "400")
    door.clock.now += 401.0
    assert door.ask("GET", "/v1/churn", bearing(key)).status_code == 200


def test_who_is_refused_uses_up_nothing(make_service, tmp_path):
    door = Door(make_service, tmp_path, RateLimit(per_second=1.0))
    key = door.give("predict")
    for headers in ({}, bearing(key[:-1] + "-"), bearing("x")):
        door.ask("GET", "/v1/churn", headers)
    assert door.ask("GET", "/metrics", bearing(key)).status_code == 403
    assert door.ask("GET", "/v1/churn", bearing(key)).status_code == 200


def test_the_section_reads_words_and_plugins():
    def auth(value):
        return Serving.model_validate_json(json.dumps({"auth": value}), strict=True).auth

    assert auth("none") == "none"
    assert auth("keys").name == "keys"
    assert auth({"name": "jwt", "params": {"issuer": "a"}}).params == {"issuer": "a"}
    assert Serving().auth == "none"
    assert Serving.model_validate(Serving(auth={"name": "keys"}).model_dump(mode="json")).auth.name == "keys"


@pytest.mark.parametrize(("name", "schemes"), [("keys", ["bearer", "key"]), ("jwt", ["bearer"])])
def test_the_document_says_what_it_takes_to_be_let_in(make_service, tmp_path, name, schemes):
    service = make_service(settings=Serving.model_validate({"auth": {"name": name}}))
    app = App(service)
    asker = type("Asker", (), {"app": app})()
    document = Door.ask(asker, "GET", "/openapi.json").json()
    assert list(document["components"]["securitySchemes"]) == schemes
    for path, methods in document["paths"].items():
        for operation in methods.values():
            guarded = app._routes.find(path).operation.scope is not None
            assert ("security" in operation) == guarded, path
            assert ({"401", "403", "429"} <= set(operation["responses"])) == guarded
    assert document["paths"]["/metrics"]["get"]["responses"]["403"]["description"].endswith("the scope `admin`.")
    assert Door.ask(asker, "GET", "/openapi.json").json() == document


def test_without_auth_the_document_says_nothing_of_it(make_service):
    document = Door.ask(type("Asker", (), {"app": App(make_service())})(), "GET", "/openapi.json").json()
    assert "securitySchemes" not in document["components"]

"""Signed tokens: whose, for whom, until when, with which key; and every way to forge one that is known."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
from contextlib import contextmanager

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pydantic import ValidationError

from mlconfig.builtin.authenticator_jwt import MOST_TOKENS, Jwt
from mlconfig.builtin.jwk_set import RETRY_S, UNKNOWN_S
from mlconfig.contracts import Context, Premises, RequestRefusedError
from mlconfig.errors import PluginError

NOW = 1_800_000_000.0
ISSUER = "https://id.example.org"
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
SHORT_RSA = rsa.generate_private_key(65537, 1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
ALGORITHM = {rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm, ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm}


def jwk(key, kid, **more):
    maker = next((maker for kind, maker in ALGORITHM.items() if isinstance(key, kind)), jwt.algorithms.OKPAlgorithm)
    return {**json.loads(maker.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


def key_set(*keys):
    return json.dumps({"keys": list(keys)}).encode()


def claims(**changes):
    given = {"iss": ISSUER, "aud": "shop", "sub": "web", "exp": NOW + 60, "scope": "openid predict feedback"}
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def token(key=RSA_KEY, algorithm="RS256", kid="a", headers=None, **changes):
    return jwt.encode(claims(**changes), key, algorithm, headers={**({"kid": kid} if kid else {}), **(headers or {})})


@pytest.fixture
def door(tmp_path):
    """A guard whose key set is a file."""

    def make(*keys, **params):
        (tmp_path / "jwks.json").write_bytes(key_set(*(keys or (jwk(RSA_KEY, "a"),))))
        given = {"issuer": ISSUER, "audience": ["shop"], "jwks": "jwks.json", **params}
        plugin = Jwt(Jwt.Params.model_validate_json(json.dumps(given), strict=True), Context(tmp_path))
        guard = plugin.guard(Premises("shop", tmp_path))
        guard.refresh(NOW)
        return guard

    return make


def ask(guard, text, now=NOW):
    return guard.admit({b"authorization": b"Bearer " + (text if isinstance(text, bytes) else text.encode())}, now)


def refused(guard, text, now=NOW):
    with pytest.raises(RequestRefusedError) as caught:
        ask(guard, text, now)
    assert caught.value.status == 401
    assert caught.value.challenge == 'Bearer realm="mlconfig", error="invalid_token"'
    return caught.value.what


def test_a_token_says_who_asks_and_what_it_may(door):
    caller = ask(door(), token())
    assert (caller.client, caller.key, caller.scopes) == ("web", "web", {"predict", "feedback"})
    assert ask(door(), token(scope=["admin", 7, "root"])).scopes == {"admin"}
    assert ask(door(), token(scope=None)).scopes == frozenset()
    assert ask(door(scope_claim="scp", client_claim="azp"), token(scp="admin", azp="cli")) == ("cli", "cli", {"admin"})
    assert ask(door(audience="shop"), token(aud=["other", "shop"])).client == "web"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA_KEY, "RS512"), (RSA_KEY, "PS256"), (EC_KEY, "ES256"), (ED_KEY, "EdDSA")],
    ids=["RS512", "PS256", "ES256", "EdDSA"],
)
def test_algorithms_with_public_keys(door, key, algorithm):
    guard = door(jwk(RSA_KEY, "r"), jwk(EC_KEY, "e"), jwk(ED_KEY, "d"), algorithms=[algorithm])
    kid = {RSA_KEY: "r", EC_KEY: "e", ED_KEY: "d"}[key]
    assert ask(guard, token(key, algorithm, kid)).client == "web"
    assert "is not signed with" in refused(guard, token(kid="r"))  # RS256, which is not among them


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"iss": "https://evil.example.org"}, "the token is of another issuer"),
        ({"iss": None}, "the token lacks the claim `iss`"),
        ({"aud": "other"}, "the token is for another audience"),
        ({"aud": None}, "the token lacks the claim `aud`"),
        ({"exp": None}, "the token lacks the claim `exp`"),
        ({"exp": NOW - 31}, "the token has expired"),
        ({"nbf": NOW + 31}, "the token is not valid yet"),
        ({"sub": None}, "the token lacks the claim `sub`"),
        ({"exp": True}, "the token is not accepted"),
        ({"nbf": "soon"}, "the token is not accepted"),
        ({"exp": float("inf")}, "the token is not accepted"),
    ],
    ids=str,
)
def test_claims_are_held_to(door, changes, told):
    assert refused(door(), token(**changes)) == told


def test_clocks_may_differ_a_little(door):
    guard = door()
    for changes in ({"exp": NOW - 29}, {"nbf": NOW + 29}):
        assert ask(guard, token(**changes)).client == "web"
    assert refused(door(leeway="0s"), token(exp=NOW)) == "the token has expired"


def test_a_remembered_token_expires_all_the_same(door):
    guard, text = door(), token()
    assert ask(guard, text).client == "web"
    assert ask(guard, text, NOW + 89).client == "web"
    assert refused(guard, text, NOW + 90) == "the token has expired"


def unsigned(head, body):
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, body))
    return b".".join(parts)


def test_nothing_forged_is_let_in(door):
    guard = door()
    good = token()
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with_pem = unsigned({"alg": "HS256", "typ": "JWT", "kid": "a"}, claims())  # signed with what everybody can read
    confused = with_pem + b"." + base64.urlsafe_b64encode(hmac.digest(pem, with_pem, hashlib.sha256)).rstrip(b"=")
    forged = [
        unsigned({"alg": "none", "kid": "a"}, claims()) + b".",
        unsigned({"alg": "nOnE", "kid": "a"}, claims()) + b".",
        confused,
        token(OTHER_RSA),
        token(OTHER_RSA, kid=None),
        token(OTHER_RSA, headers={"jwk": jwk(OTHER_RSA, "a"), "jku": "http://127.0.0.1/evil"}),
        token(EC_KEY, "ES256"),
        token(algorithm="RS384"),
        good[:-4] + "AAAA",
        good.rpartition(".")[0] + ".",
        ".".join(
            [good.split(".")[0], base64.urlsafe_b64encode(b'{"sub":"root"}').decode().rstrip("="), good.split(".")[2]]
        ),
        good + "." + good,
        "a.b.c",
        b"\xff.\xfe.\x00",
        b"." * 100,
        b"x" * 9000,
        unsigned(["RS256"], claims()) + b".AAAA",
        unsigned({"alg": ["RS256"], "kid": {"a": 1}}, claims()) + b".AAAA",
        b"e30." + base64.urlsafe_b64encode(b"[" * 6000) + b".AAAA",
    ]
    for text in forged:
        refused(guard, text)
    assert ask(guard, good).client == "web"


def test_a_key_is_used_for_what_it_says_alone(door):
    assert "does not publish" in refused(door(jwk(RSA_KEY, "a", alg="RS512"), jwk(OTHER_RSA, "b")), token())
    assert "does not publish" in refused(door(jwk(RSA_KEY, "a", use="enc"), jwk(OTHER_RSA, "b")), token())
    assert "does not publish" in refused(door(jwk(SHORT_RSA, "a"), jwk(OTHER_RSA, "b")), token(SHORT_RSA))
    assert ask(door(jwk(RSA_KEY, "a"), jwk(OTHER_RSA, "b")), token()).client == "web"
    assert "does not name its key" in refused(door(jwk(RSA_KEY, "a"), jwk(OTHER_RSA, "b")), token(kid=None))
    assert ask(door(), token(kid=None)).client == "web"


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b'{"keys": 7}', b'{"keys": ["a"]}', b'{"keys": [{"kty": "oct", "k": "AAAA"}]}',
     b'{"keys": [{"kty": "RSA", "n": "!", "e": "AQAB"}]}', b'{"keys": [{"kty": "RSA"}]}',
     pytest.param(key_set(jwk(SHORT_RSA, "a")), id="a short one, made anew for each run")],
)  # fmt: skip
def test_a_bad_set_is_told_and_the_old_one_stays(door, tmp_path, text):
    guard = door()
    (tmp_path / "jwks.json").write_bytes(text)
    with pytest.raises(PluginError, match=r"jwks\.json"):
        guard.refresh(NOW)
    assert ask(guard, token()).client == "web"


def test_a_file_is_read_when_it_was_written_anew(door, tmp_path):
    guard, old = door(), token()
    assert ask(guard, old).client == "web"
    (tmp_path / "jwks.json").write_bytes(key_set(jwk(OTHER_RSA, "new-name")))
    guard.refresh(NOW + 0.5)
    assert ask(guard, token(OTHER_RSA, kid="new-name")).client == "web"
    assert "does not publish" in refused(guard, old)
    (tmp_path / "jwks.json").write_bytes(b'{"keys": []}')
    guard.refresh(NOW + 0.7)
    assert "does not publish" in refused(guard, token(OTHER_RSA, kid="new-name")), "the issuer took it back"
    (tmp_path / "jwks.json").unlink()
    with pytest.raises(PluginError, match="cannot be read: No such file"):
        guard.refresh(NOW + 1.0)


def test_before_the_keys_are_known_nobody_is_let_in(tmp_path):
    plugin = Jwt(Jwt.Params(issuer=ISSUER, audience=("shop",), jwks="none.json"), Context(tmp_path))
    guard = plugin.guard(Premises("shop", tmp_path))
    with pytest.raises(RequestRefusedError) as caught:
        ask(guard, token())
    assert (caught.value.status, caught.value.retry_after) == (503, 1)


@contextmanager
def issuer(body):
    """Serves what ``body[0]`` is, and counts; an integer is a status."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, content = (body[0], b"") if isinstance(body[0], int) else (200, body[0])
            self.send_response(status)
            if status == 302:
                self.send_header("location", "/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks.json", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_is_asked_beside_the_requests_and_not_too_often(door):
    body = [key_set(jwk(RSA_KEY, "a"))]
    with issuer(body) as (url, asked):
        guard = door(jwks=url)
        for second in range(590):
            guard.refresh(NOW + second)
        assert len(asked) == 1
        assert ask(guard, token()).client == "web"
        body[0] = key_set(jwk(OTHER_RSA, "b"))
        guard.refresh(NOW + 600)
        assert len(asked) == 2
        assert "does not publish" in refused(guard, token(exp=NOW + 9000), NOW + 600)
        assert len(asked) == 2, "a request asks nobody"
        body[0] = key_set(jwk(RSA_KEY, "a"), jwk(OTHER_RSA, "b"))
        guard.refresh(NOW + 601)  # a key that is unknown may be new, but everybody can name one
        assert len(asked) == 2
        guard.refresh(NOW + 600 + UNKNOWN_S)
        assert len(asked) == 3
        assert ask(guard, token(exp=NOW + 9000), NOW + 611).client == "web"


@pytest.mark.parametrize(
    "answer", [500, 302, 404, b"{", b" " * (1 << 20) + b" "], ids=["500", "302", "404", "bad", "large"]
)
def test_an_issuer_that_fails_is_asked_again_later_and_its_old_keys_stay(door, answer):
    body = [key_set(jwk(RSA_KEY, "a"))]
    with issuer(body) as (url, asked):
        guard = door(jwks=url)
        body[0] = answer
        with pytest.raises(PluginError, match=r"127\.0\.0\.1"):
            guard.refresh(NOW + 600)
        guard.refresh(NOW + 600 + RETRY_S - 1)
        assert len(asked) == 2
        assert ask(guard, token()).client == "web"
        body[0] = key_set(jwk(RSA_KEY, "a"))
        guard.refresh(NOW + 600 + RETRY_S)
        assert asked == ["/jwks.json"] * 3
    with pytest.raises(PluginError, match="cannot be fetched: ConnectError"):
        guard.refresh(NOW + 5000)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"jwks": "http://id.example.org/jwks.json"}, "write https://"),
        ({"leeway": "1h"}, "leeway"),
        ({"audience": []}, "audience"),
        ({"issuer": ""}, "issuer"),
    ],
    ids=str,
)
def test_settings_that_would_open_the_door_are_refused(door, params, told):
    with pytest.raises(ValidationError, match=told):
        door(**params)


def test_memory_is_bounded(door, monkeypatch):
    guard = door()
    ask(guard, token())
    (checked,) = guard._checked.values()
    monkeypatch.setattr(guard, "_check", lambda _: checked)
    for number in range(MOST_TOKENS + 10):
        ask(guard, f"a.b.{number}")
    assert len(guard._checked) == MOST_TOKENS


def test_a_remembered_token_costs_no_signature(door, monkeypatch):
    guard, text = door(), token()
    first = ask(guard, text)
    monkeypatch.setattr(jwt, "decode", lambda *_, **__: pytest.fail("it was checked again"))
    assert ask(guard, text) is first

"""``jwt``: signed tokens of an issuer, as OpenID Connect and OAuth 2.0 hand out.

https://www.rfc-editor.org/rfc/rfc7519, with the cautions of https://www.rfc-editor.org/rfc/rfc8725: the recipe names the
algorithms, all of them asymmetric, and a token has no say in it; issuer, audience and end are demanded.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from mlconfig.builtin.jwk_set import KeySet
from mlconfig.contracts.authenticator import (
    MAX_CREDENTIAL,
    Authenticator,
    AuthenticatorTags,
    Caller,
    Guard,
    Premises,
    bearer,
    scopes_of,
    unknown_caller,
)
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.vocabulary import Duration, Frozen, OneOrMore, Tuple

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
HINT = "send Authorization: Bearer and a token of the issuer"
NOT_ACCEPTED = "the token is not accepted"
MOST_TOKENS = 4096
"""Checked tokens that are remembered; a signature costs 50 µs, a memory 1 µs."""


class Checked(NamedTuple):
    """A token whose signature, issuer and audience are right. Times are seconds since 1970."""

    caller: Caller
    begins: float
    ends: float


class Jwt(Authenticator):
    """JSON Web Tokens that an issuer signed; their claim `scope` says what they allow."""

    class Params(Frozen):
        """Whose tokens, for whom, and how they are checked."""

        issuer: str = Field(min_length=1, description="What the claim `iss` must be.")
        audience: OneOrMore = Field(description="What the claim `aud` must name: one of these.")
        jwks: str = Field(
            min_length=1,
            description="The issuer's public keys: a file of the project, or an https address "
            "(http on loopback), often …/.well-known/jwks.json.",
        )
        algorithms: Annotated[Tuple[Algorithm], Field(min_length=1)] = Field(
            ("RS256",), description="Of signatures; only ones with public keys."
        )
        leeway: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=5))] = Field(
            timedelta(seconds=30), description="How far the issuer's clock may be off."
        )
        refresh: Annotated[Duration, Field(ge=timedelta(seconds=10))] = Field(
            timedelta(minutes=10), description="Between two fetches of the keys from an address."
        )
        scope_claim: str = Field("scope", min_length=1, description="Claim with the scopes: a text or a list.")
        client_claim: str = Field("sub", min_length=1, description="Claim that names the caller.")

        @field_validator("jwks")
        @classmethod
        def _cannot_be_listened_in_on(cls, jwks: str) -> str:
            if jwks.startswith("http://") and urlsplit(jwks).hostname not in ("127.0.0.1", "localhost", "::1"):
                raise ValueError("keys that come over plain http can be exchanged on the way; write https://")
            return jwks

    params: Jwt.Params
    tags: ClassVar[AuthenticatorTags] = AuthenticatorTags()
    requires: ClassVar[tuple[str, ...]] = ("jwt", "cryptography")
    extra: ClassVar[str] = "mlconfig[jwt]"

    def guard(self, premises: Premises) -> Guard:
        del premises
        return TokenGuard(self.params, _place(self.params.jwks, self.context.project))


def _place(jwks: str, project: Path) -> str | Path:
    return jwks if jwks.startswith(("https://", "http://")) else project / jwks


class TokenGuard(Guard):
    """Checks each token once, and looks at the clock each time."""

    def __init__(self, params: Jwt.Params, place: str | Path) -> None:
        self._params = params
        self._set = KeySet(place, params.algorithms, params.refresh.total_seconds())
        self._checked: OrderedDict[bytes, Checked] = OrderedDict()
        self._leeway = params.leeway.total_seconds()

    def refresh(self, now: float) -> None:
        if self._set.refresh(now):
            self._checked = OrderedDict()  # a key that is gone takes its tokens with it

    def admit(self, headers: Mapping[bytes, bytes], now: float) -> Caller:
        token = bearer(headers)
        if token is None:
            raise unknown_caller(hint=HINT)
        if len(token) > MAX_CREDENTIAL:
            raise unknown_caller(f"the token is longer than {MAX_CREDENTIAL} bytes")
        checked = self._look(token)
        if now >= checked.ends + self._leeway:
            raise unknown_caller("the token has expired", "get another one from the issuer")
        if now < checked.begins - self._leeway:
            raise unknown_caller("the token is not valid yet")
        return checked.caller

    def _look(self, token: bytes) -> Checked:
        memory, name = self._checked, hashlib.sha256(token).digest()
        known = memory.get(name)
        if known is not None:
            return known
        checked = memory[name] = self._check(token)
        if len(memory) > MOST_TOKENS:
            memory.popitem(last=False)
        return checked

    def _check(self, token: bytes) -> Checked:
        """Raises RequestRefusedError (401), which says what is wrong and never what the token holds."""
        import jwt

        try:
            head = jwt.get_unverified_header(token)
            algorithm, key = self._key(head)
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._params.issuer,
                audience=list(self._params.audience),
                options={
                    "require": ["exp", "iss", "aud"],
                    "verify_exp": False,  # against the clock that is given, here and each time it comes again
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidIssuerError:
            raise unknown_caller("the token is of another issuer") from None
        except jwt.InvalidAudienceError:
            raise unknown_caller("the token is for another audience") from None
        except jwt.MissingRequiredClaimError as error:
            raise unknown_caller(f"the token lacks the claim `{error.claim}`") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise unknown_caller(NOT_ACCEPTED) from None
        return self._read(claims)

    def _key(self, head: Mapping[str, Any]) -> tuple[str, Any]:
        """The key that a token names, and the algorithm, which must be one that the recipe allows with such a key."""
        if self._set.keys is None:
            raise RequestRefusedError(
                503, "the issuer's keys are not known yet", hint="try again shortly", retry_after=1
            )
        algorithm, kid = str(head.get("alg")), head.get("kid")
        if algorithm not in self._params.algorithms:
            raise unknown_caller(f"the token is not signed with {' or '.join(self._params.algorithms)}")
        usable = [key for key in self._set.keys if algorithm in key.by_algorithm]
        found = [key for key in usable if kid is None or key.kid == kid]
        if not found:
            self._set.miss()
            raise unknown_caller("the token is signed with a key that the issuer does not publish")
        if len(found) > 1:
            raise unknown_caller("the token does not name its key, and the issuer publishes several")
        return algorithm, found[0].by_algorithm[algorithm]

    def _read(self, claims: Mapping[str, Any]) -> Checked:
        client = claims.get(self._params.client_claim)
        if not isinstance(client, str) or not client:
            raise unknown_caller(f"the token lacks the claim `{self._params.client_claim}`")
        ends, begins = _moment(claims["exp"]), _moment(claims.get("nbf", 0))
        return Checked(Caller(client, client, scopes_of(claims.get(self._params.scope_claim))), begins, ends)


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise unknown_caller(NOT_ACCEPTED)
    return float(value)

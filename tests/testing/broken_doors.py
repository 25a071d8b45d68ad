"""Authenticators that break one law each: the shipped `keys` with one fault."""

import time

from mlconfig.builtin.authenticator_keys import KeyGuard, Keys
from mlconfig.contracts import Caller, RequestRefusedError
from mlconfig.contracts.authenticator import unknown_caller
from mlconfig.records.key_table import KEY, Pepper
from mlconfig.testing import laws_authenticator as laws

EVERYBODY = Caller("anybody", "anybody", frozenset({"predict"}))


class Faulty(Keys):
    """Keys, with a guard of its own; without a fault as it stands."""

    guard_class = KeyGuard

    def guard(self, premises):
        return self.guard_class(premises, self.params.pepper)


def faulty(name, guard_class):
    """A plugin with that guard, at the top of this module so that it can be pickled."""
    made = type(name, (Faulty,), {"guard_class": guard_class, "__doc__": guard_class.__doc__, "__module__": __name__})
    globals()[name] = made
    return made()


class Waves(KeyGuard):
    """Lets in who shows nothing."""

    def admit(self, headers, now):
        return EVERYBODY if not headers.get(b"authorization") else super().admit(headers, now)


class Speechless(KeyGuard):
    """Refuses without a challenge."""

    def admit(self, headers, now):
        try:
            return super().admit(headers, now)
        except RequestRefusedError:
            raise RequestRefusedError(401, "no") from None


class Decodes(KeyGuard):
    """Falls over what is no ASCII."""

    def admit(self, headers, now):
        for value in headers.values():
            value.decode("ascii")
        return super().admit(headers, now)


class Parrot(KeyGuard):
    """Repeats what it was shown."""

    def admit(self, headers, now):
        try:
            return super().admit(headers, now)
        except RequestRefusedError:
            raise unknown_caller(f"{headers} is no key") from None


class Reads(KeyGuard):
    """Reads its pepper for each request."""

    def admit(self, headers, now):
        Pepper.open(self._premises.storage)
        return super().admit(headers, now)


class Slow(KeyGuard):
    """Takes its time."""

    def admit(self, headers, now):
        begin = time.perf_counter()
        while time.perf_counter() < begin + 0.002:
            pass
        return super().admit(headers, now)


class Pops(KeyGuard):
    """Takes the credential out of the headers."""

    def admit(self, headers, now):
        caller = super().admit(headers, now)
        headers.pop(b"x-api-key", None)
        return caller


class OneHeader(KeyGuard):
    """Knows `x-api-key` alone."""

    def admit(self, headers, now):
        return super().admit({b"x-api-key": headers.get(b"x-api-key", b"")}, now)


class OwnClock(KeyGuard):
    """Looks at a clock that has stopped."""

    def admit(self, headers, now):
        return super().admit(headers, laws.NOW)


class ById(KeyGuard):
    """Knows a key by its id."""

    def admit(self, headers, now):
        match = KEY.fullmatch(headers.get(b"x-api-key", b""))
        known = self._known[1] if self._known else {}
        return known[match[1]].caller if match and match[1] in known else super().admit(headers, now)


class Remembers(KeyGuard):
    """Keeps what it knew before."""

    def take(self, table):
        before = self._known
        super().take(table)
        self._known = before or self._known


class Trusting(KeyGuard):
    """Lets everybody in until it knows better."""

    def admit(self, headers, now):
        return super().admit(headers, now) if self._known or not headers else EVERYBODY


SOUND = [Faulty()]

BROKEN = [
    (laws.who_shows_nothing_is_asked_to, faulty("WavesKeys", Waves)),
    (laws.garbage_lets_nobody_in, faulty("SpeechlessKeys", Speechless)),
    (laws.garbage_lets_nobody_in, faulty("DecodesKeys", Decodes)),
    (laws.a_refusal_repeats_nothing, faulty("ParrotKeys", Parrot)),
    (laws.a_request_waits_for_nothing, faulty("ReadsKeys", Reads)),
    (laws.a_request_costs_less_than_a_millisecond, faulty("SlowKeys", Slow)),
    (laws.headers_are_left_alone, faulty("PopsKeys", Pops)),
    (laws.a_key_is_known_by_either_header, faulty("OneHeaderKeys", OneHeader)),
    (laws.a_key_ends_by_the_clock_it_is_given, faulty("OwnClockKeys", OwnClock)),
    (laws.a_forged_key_lets_nobody_in, faulty("ByIdKeys", ById)),
    (laws.a_key_that_was_revoked_lets_nobody_in, faulty("RemembersKeys", Remembers)),
    (laws.nobody_is_let_in_before_there_are_keys, faulty("TrustingKeys", Trusting)),
]

"""Rules of the endpoint: what its keys are needed for."""

from __future__ import annotations

from mlconfig.recipe.rule import Found, rule_over
from mlconfig.sections import Serving


@rule_over("serving")
def a_limit_needs_to_know_who_asks(serving: Serving | None) -> Found:
    """Requests are counted by key."""
    if serving is not None and serving.auth == "none" and not serving.rate_limit.open:
        yield "serving.rate_limit", "needs auth: requests are counted by key", "write serving.auth: keys, or remove it"

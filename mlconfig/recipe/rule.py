"""What a rule of the language is, and the list of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

Found = Iterator[tuple[str, str, str]]
"""Path, what is wrong, what to do."""


@dataclass(frozen=True)
class Rule:
    """One rule and the sections it needs; it is skipped while one of them is broken."""

    needs: tuple[str, ...]
    check: Callable[..., Found]


RULES: list[Rule] = []


def rule_over(*needs: str) -> Callable[[Callable[..., Found]], Callable[..., Found]]:
    """Lists a check as a rule over the sections that it needs."""

    def keep(check: Callable[..., Found]) -> Callable[..., Found]:
        RULES.append(Rule(needs, check))
        return check

    return keep


def nearest(word: str, known: Iterable[str]) -> str:
    """Advice on a name that is not known."""
    names = list(known)
    close = get_close_matches(word, names, n=1)
    return f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(names) or 'none'}"

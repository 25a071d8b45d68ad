"""Pages from templates: everything that is put in is escaped, for names and categories are strangers' data."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from mlconfig.pages.wording import pieces

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


@dataclass(frozen=True)
class Script:
    """A page's script and what the page's content security policy calls it by: no other script runs."""

    text: Markup
    digest: str


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader("mlconfig.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["pieces"] = pieces
    code = _compact(made.get_template("script.js").render())
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    made.globals["script"] = Script(Markup(code), f"sha256-{digest}")  # noqa: S704 — our own file, with no value in it
    return made


def _compact(text: str) -> str:
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line)


def fill(name: str, view: Any) -> str:
    """A template of ``pages/templates`` with a view as ``page``, without indentation and empty lines."""
    return _compact(_environment().get_template(name).render(page=view)) + "\n"

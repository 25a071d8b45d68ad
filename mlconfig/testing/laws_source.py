"""Laws of a source: the same content has the same fingerprint and the same rows."""

from __future__ import annotations

import pyarrow as pa

from mlconfig.contracts import Source
from mlconfig.testing.law import Law, demand


def laws_for(_: Source) -> list[Law]:
    """All of them."""
    return [
        fingerprint_is_a_short_text, fingerprint_is_stable, reading_leaves_the_fingerprint, read_gives_a_table,
        reading_again_gives_the_same_rows,
    ]  # fmt: skip


def _again(plugin: Source) -> Source:
    return type(plugin)(plugin.params, plugin.context)


def fingerprint_is_a_short_text(plugin: Source) -> None:
    """A fingerprint is a short printable text: it stands in plans, tags and digests."""
    digest = plugin.fingerprint()
    good = isinstance(digest, str) and 0 < len(digest) <= 200 and digest.isprintable()
    demand(good, f"`{digest!r}'", "return a digest such as 'sha256:…'")


def fingerprint_is_stable(plugin: Source) -> None:
    """The same content has the same fingerprint, asked twice and of another instance with the same params."""
    seen = [plugin.fingerprint(), plugin.fingerprint(), _again(plugin).fingerprint()]
    demand(
        len(set(seen)) == 1,
        f"{', '.join(dict.fromkeys(seen))}",
        "digest the content alone: no clock, no random number, no id of an object, no unsorted listing",
    )


def reading_leaves_the_fingerprint(plugin: Source) -> None:
    """Reading changes nothing that the fingerprint tells of."""
    before = plugin.fingerprint()
    plugin.read()
    demand(plugin.fingerprint() == before, "the fingerprint differs after read()", "leave what is read as it is")


def read_gives_a_table(plugin: Source) -> None:
    """``read`` gives a ``pyarrow.Table`` with at least one column, each of its own name."""
    table = plugin.read()
    demand(isinstance(table, pa.Table), f"a {type(table).__name__}", "return a pyarrow.Table")
    names = table.column_names
    demand(names and len(set(names)) == len(names) and all(names), f"columns {names}", "name each column once")


def reading_again_gives_the_same_rows(plugin: Source) -> None:
    """While the fingerprint stays, all rows come again: same columns, types, values, order."""
    first, before = plugin.read(), plugin.fingerprint()
    for table in (plugin.read(), _again(plugin).read()):
        same = table.schema.equals(first.schema) and table.equals(first)
        # NaN is not equal to itself in Arrow; a column of NaN is compared by its text.
        same = same or (
            table.schema.equals(first.schema) and table.to_pydict().__repr__() == first.to_pydict().__repr__()
        )
        demand(
            same or plugin.fingerprint() != before,
            f"{first.num_rows} × {first.num_columns}, then {table.num_rows} × {table.num_columns} with other content",
            "seed what is random, sort what is listed; or let the fingerprint tell the difference",
        )

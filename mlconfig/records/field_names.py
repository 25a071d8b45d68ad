"""The names under which a request's fields are decoded and logged.

They are the columns' own, but for those that msgspec takes no struct field for: with quotes, backslashes or control characters,
which JSON writes by escapes. Such a name is percent-encoded on the way, in the replica and in the log; nobody else sees it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlconfig.records.signature import Signature

_ESCAPED = re.compile(r'["\\\x00-\x1f]')


def field_names(signature: Signature) -> dict[str, str]:
    """Each column's field: of those that are predicted from or logged, then of those that are passed over."""
    names = [*(column.name for column in signature.columns), *signature.unused]
    taken, fields = set(names), {}
    for name in names:
        field = _ESCAPED.sub(lambda found: f"%{ord(found[0]):02x}", name)
        while field != name and field in taken:
            field += "%"
        taken.add(field)
        fields[name] = field
    return fields

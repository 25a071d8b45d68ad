"""The reference: what the training rows looked like, kept with the version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlconfig.profiles.profile import Profile, fit_layout, profile_of

if TYPE_CHECKING:
    from mlconfig.records.signature import Signature
    from mlconfig.vocabulary import Kind


def feature_kinds(signature: Signature) -> dict[str, Kind]:
    """What is profiled: the columns that are predicted from."""
    return {column.name: column.kind for column in signature.features}


def reference_profile(columns: Any, kinds: Mapping[str, Kind]) -> Profile:
    """The profile of the training rows, whose layout all later windows are counted by.

    Args:
        columns: a ``pyarrow.Table`` or name → array, as a request carries them: raw values, before any transform; timestamps
            as wall clock in the recipe's zone.
        kinds: of ``feature_kinds``.
    """
    return profile_of(fit_layout(columns, kinds), columns)

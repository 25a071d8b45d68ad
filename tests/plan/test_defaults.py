"""Digests do not tell of defaults, so a default that changes must raise ``defaults_revision`` of the steps that have it.

``defaults.json`` keeps, for each kind of step, its revision and the defaults of all its keys. When keys came, or a default
was changed and the revision raised, write it anew and look at the diff:

    MLCONFIG_WRITE_GOLDEN=1 pytest tests/plan/test_defaults.py
"""

import json
import os
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter

from mlconfig.plan.steps import Step

KEPT = Path(__file__).parent / "defaults.json"
KINDS = {kind.model_fields["kind"].default: kind for kind in get_args(get_args(Step)[0])}
ALWAYS_TOLD = {"Alerts.sinks", "Monitoring.signals"}
NO_SETTINGS = {"id", "kind", "inputs", "plugins"}


def models_of(annotation, found):
    """All models that a value of this type may hold, in ``found``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in found:
        found.append(annotation)
        for name, field in annotation.model_fields.items():
            if annotation not in KINDS.values() or name not in NO_SETTINGS:
                models_of(field.annotation, found)
    for inner in get_args(annotation):
        models_of(inner, found)
    return found


def defaults_of(kind):
    """By ``Model.key``: what is meant when nothing is said; of a model what it says beside its own defaults."""
    fields = {
        f"{model.__name__}.{field.alias or name}": field.get_default(call_default_factory=True)
        for model in models_of(kind, [])
        for name, field in model.model_fields.items()
        if not field.is_required() and not (model is kind and name in NO_SETTINGS)
    }
    as_json = TypeAdapter(Any)
    return {
        name: as_json.dump_python(value, mode="json", by_alias=True, exclude_defaults=True)
        for name, value in sorted(fields.items())
    }


def now():
    return {name: {"revision": kind.defaults_revision, "defaults": defaults_of(kind)} for name, kind in KINDS.items()}


def silent_changes(kept, found):
    """Defaults that are other ones than those kept, under the same revision."""
    return [
        f"{kind}: {key}: {kept[kind]['defaults'][key]} → {value}"
        for kind, step in found.items()
        for key, value in step["defaults"].items()
        if kind in kept and kept[kind]["revision"] == step["revision"]
        and key in kept[kind]["defaults"] and kept[kind]["defaults"][key] != value
    ]  # fmt: skip


def test_no_default_changes_in_silence():
    found = now()
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    told = "raise `defaults_revision` of the step: else what was carried out under the former default is kept"
    assert silent_changes(kept, found) == [], told
    if os.environ.get("MLCONFIG_WRITE_GOLDEN"):
        KEPT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        kept = found
    assert kept == found, "keys or revisions changed; see this file's first lines"


def test_a_default_that_changes_is_noticed_and_a_raised_revision_or_a_new_key_is_fine():
    kept, other = now(), now()
    other["deploy"]["defaults"]["Serving.num_replicas"] = 2
    other["deploy"]["defaults"]["Serving.later"] = 7
    assert silent_changes(kept, other) == ["deploy: Serving.num_replicas: 1 → 2"]
    other["deploy"]["revision"] = 2
    assert silent_changes(kept, other) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_said_is_no_part_of_a_digest(kind):
    """A default that is another value once it is validated stands in each digest: a key that comes with one moves them all."""
    for model in models_of(KINDS[kind], []):
        for name, field in model.model_fields.items():
            key = f"{model.__name__}.{name}"
            if not field.is_required() and key not in ALWAYS_TOLD:
                default = field.get_default(call_default_factory=True)
                assert TypeAdapter(field.rebuild_annotation()).validate_python(default) == default, key

"""The passes that package and register."""

from __future__ import annotations

from mlconfig.compiler.bench import Bench
from mlconfig.plan.steps import PackageStep, RegisterStep
from mlconfig.vocabulary import AUTO


def package_step(bench: Bench) -> PackageStep:
    """One file out of features and model."""
    packaging = bench.recipe.packaging
    return PackageStep(
        id="package",
        inputs=("read", "train"),
        plugins=(bench.pin("exporter", packaging.exporter.name),),
        name=bench.recipe.name,
        packaging=packaging,
        groups=bench.recipe.evaluation.fairness.groups,
        carried=_carried(bench),
        pii=bench.recipe.governance.pii,
        subject=_subject(bench),
    )


def _carried(bench: Bench) -> tuple[str, ...]:
    """Columns that serving reads, or erasure looks for, beside the features."""
    serving, subject = bench.recipe.serving, bench.recipe.governance.subject
    routing_key = () if serving is None or serving.routing_key == AUTO else (serving.routing_key,)
    return tuple(dict.fromkeys((*routing_key, *((subject,) if subject is not None else ()))))


def _subject(bench: Bench) -> tuple[str, ...]:
    """The columns that say whose a row is."""
    subject = bench.recipe.governance.subject
    return (subject,) if subject is not None else bench.recipe.data.key or ()


def register_step(bench: Bench) -> RegisterStep:
    """A version in MLflow."""
    recipe = bench.recipe
    return RegisterStep(
        id="register",
        inputs=("package",),
        name=recipe.name,
        tracking=recipe.tracking,
        description=recipe.description,
        owner=recipe.owner,
        tags=recipe.tags,
        card=recipe.governance.card,
    )

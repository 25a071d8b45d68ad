"""The recipe that a plan stands for: its sections, taken back out of the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlconfig.plan.steps import (
    DeployStep,
    EvaluateStep,
    GateStep,
    MonitorStep,
    PackageStep,
    ReadStep,
    RegisterStep,
    RetrainStep,
    TrainStep,
    TuneStep,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mlconfig.plan.plan import Plan


def declared(plan: Plan) -> dict[str, Any]:
    """A JSON tree that ``load_recipe`` would read as the same recipe, up to sections of steps that the plan does not have."""
    register, train = plan.step(RegisterStep), plan.step(TrainStep)
    evaluate, gate = plan.step(EvaluateStep), plan.step(GateStep)
    tree: dict[str, Any] = {"schema_version": 1, "name": plan.name, "task": plan.task}
    tree |= {"random_state": plan.random_state, "time_zone": plan.time_zone, "plugins": list(plan.project_plugins)}
    tree |= {"description": register.description, "owner": register.owner, "tags": dict(register.tags)}
    sections: dict[str, BaseModel | None] = {
        "data": plan.step(ReadStep).data(train.split),
        "features": train.features,
        "model": train.model,
        "tuning": found.tuning if (found := plan.find(TuneStep)) is not None else None,
        "packaging": plan.step(PackageStep).packaging,
        "serving": deploy.serving if (deploy := plan.find(DeployStep)) is not None else None,
        "monitoring": monitor.monitoring if (monitor := plan.find(MonitorStep)) is not None else None,
        "alerts": monitor.alerts if monitor is not None else None,
        "retraining": retrain.retraining if (retrain := plan.find(RetrainStep)) is not None else None,
        "tracking": register.tracking,
        "engine": plan.engine,
    }
    tree |= {name: _dump(section) for name, section in sections.items() if section is not None}
    tree |= {name: "none" for name in ("serving", "monitoring", "retraining") if sections[name] is None}
    tree["governance"] = _governance(plan)
    tree["evaluation"] = {
        "metric": evaluate.metric,
        "metrics": list(evaluate.metrics[1:]),
        "interval": _dump(evaluate.interval),
        "fairness": _dump(evaluate.fairness),
        "gates": {name: _dump(each) for name, each in gate.gates.items()},
    }
    return tree


def _governance(plan: Plan) -> dict[str, Any]:
    package, deploy = plan.step(PackageStep), plan.find(DeployStep)
    by_key = package.subject == (plan.step(ReadStep).key or ())
    tree = {
        "pii": dict(package.pii),
        "subject": None if by_key else package.subject[0],
        "card": _dump(plan.step(RegisterStep).card),
    }
    return tree if deploy is None else {**tree, "retention": _dump(deploy.retention)}


def _dump(section: BaseModel) -> dict[str, Any]:
    return section.model_dump(mode="json", by_alias=True)

"""The report of an apply, out of what its steps returned."""

from __future__ import annotations

from typing import Any

from mlconfig.engine.address import base_url
from mlconfig.engine.carrier import Carrier
from mlconfig.engine.report import ApplyReport
from mlconfig.plan.steps import DeployStep
from mlconfig.records.verdict import GateVerdict


def summarise(carrier: Carrier) -> ApplyReport:
    """What was carried out, and what answers now."""
    outputs = carrier.job.outputs
    deploy = carrier.job.plan.find(DeployStep)
    answers = deploy is not None and deploy.id in outputs
    route = carrier.store.routes.current(deploy.endpoint) if deploy is not None and answers else None
    registered = outputs.get("register", {}).get("version")
    gate: dict[str, Any] | None = outputs.get("gate", {}).get("verdict")
    return ApplyReport(
        name=carrier.job.plan.name,
        events=tuple(carrier.events),
        version=route.champion.version if route is not None else registered,
        gate=GateVerdict.model_validate(gate) if gate is not None else None,
        metrics=dict(outputs.get("evaluate", {}).get("metrics", {})),
        url=base_url(carrier.job.workspace) if answers else None,
        endpoint=deploy.endpoint if deploy is not None and answers else None,
        example=dict(outputs.get("package", {}).get("example", {})),
    )

"""Rules where sections meet, and keys without effect: each by a recipe that breaks it and one that does not."""

import pytest

SPACE = "tuning.space.model.params.num_leaves.int=[8,64]"
BROKEN = [
    (
        ["governance.pii.churned=hmac"],
        "governance.pii.churned: `churned` is the target",
        ["governance.pii.churned=none"],
    ),
    (["data.event_time=ts", "governance.pii.ts=drop"], "`ts` is the event time", ["~governance.pii"]),
    (["data.key=id", "governance.pii.id=drop"], "what is dropped joins nothing", ["governance.pii.id=hmac"]),
    (
        ["data.split.by=group", "data.split.column=g", "governance.pii.g=drop"],
        "`g` says who stays together",
        ["governance.pii.g=hmac"],
    ),
    (
        ["evaluation.fairness.groups=[sex]", "governance.pii.sex=drop"],
        "what is dropped forms no group",
        ["governance.pii.sex=hmac"],
    ),
    (
        ["evaluation.fairness.groups=[sex]", "features.columns.sex.kind=categorical", "governance.pii.sex=hmac"],
        "its digests are not its values",
        ["~features.columns"],
    ),
    (
        ["governance.subject=id", "governance.pii.id=drop"],
        "governance.subject: `id` is dropped (governance.pii), so no row could be found",
        ["governance.pii.id=hmac"],
    ),
    (["governance.subject=churned"], "`churned` is the target, which no request carries", ["governance.subject=id"]),
    (
        ["governance.pii.age=drop", "features.columns.age.kind=numeric", "retraining.when=[schedule]"],
        "retraining.data.from: learns from the log, which holds nothing of it where the model takes `age`",
        ["retraining.data.from=source"],
    ),
    (
        ["governance.pii.age=hmac", "features.include=[age]", "retraining.when=[schedule]"],
        "its digest where the model takes `age`",
        ["features.include=[a]"],
    ),
    (
        ["governance.pii.age=drop", "monitoring.signals.input_drift.columns=[age]"],
        "`age` is personal (governance.pii), and nothing of it is counted",
        ["monitoring.signals.input_drift.columns=[a]"],
    ),
    (
        ["governance.retention.predictions=7d"],
        "7d is less than monitoring.labels.max_delay, 30d, so late labels would find no prediction",
        ["monitoring.labels.max_delay=7d"],
    ),
    (
        ["serving=none", "monitoring=none", "governance.retention.labels=7d"],
        "governance.retention: has no effect: serving is `none`",
        ["governance.retention.labels=365d"],
    ),
    (["data.split.by=time"], "data.split.by: splitting by time needs data.event_time", ["data.event_time=ts"]),
    (["data.period.since='2020-01-01'"], "data.period: a period needs data.event_time", ["data.event_time=ts"]),
    (
        ["data.event_time=ts", "data.period.since='2020-01-02'", "data.period.until='2020-01-01'"],
        "data.period: holds nothing",
        ["data.period.until='2020-01-03'"],
    ),
    (["data.key=churned"], "data.key: `churned` is the target", ["data.key=id"]),
    (["features.include=[a,churned]"], "features.include: `churned` is the target", ["features.include=[a]"]),
    (["features.exclude=[churned]"], "never a feature anyway", ["features.exclude=[a]"]),
    (["features.columns.churned.kind=numeric"], "`churned` is the target", ["~features.columns"]),
    (["features.include=[a,b]", "features.exclude=[b]"], "`b` is included and excluded", ["features.exclude=[]"]),
    (["features.include=[a]", "features.columns.b.kind=numeric"], "not in features.include", ["features.include=[b]"]),
    (["features.exclude=[b]", "features.columns.b.kind=numeric"], "`b` is excluded", ["features.exclude=[]"]),
    (["data.split.by=group"], "`by: group` needs `column`", ["data.split.column=g"]),
    (
        ["data.split.by=given", "data.split.column=part", "features.include=[a,part]"],
        "`part` says which part a row is in",
        ["features.include=[a]"],
    ),
    (
        [SPACE, "data.split.validation_fraction=0"],
        "tuning compares trials on validation rows",
        ["data.split.validation_fraction=0.1"],
    ),
    (["monitoring.time=event"], "windows by event time need data.event_time", ["data.event_time=ts"]),
    (["monitoring.labels.join=data.key"], "labels joined by key need data.key", ["data.key=id"]),
    (
        ["monitoring.reference.season=hour"],
        "monitoring.reference.season: the hour of a reference row is not known without data.event_time",
        ["data.event_time=ts"],
    ),
    (
        ["monitoring.reference.season=weekday"],
        (
            "the weekday of a reference row is not known without data.event_time "
            "(say which column holds the time, or leave `auto`)"
        ),
        [
            "monitoring.reference.use=production",
            "monitoring.reference.period.since='2026-01-01'",
            "monitoring.reference.period.until='2026-03-01'",
        ],
    ),
    (
        ["data.event_time=ts", "monitoring.reference.season=hour", "monitoring.every=24h"],
        "has no effect: a window of 1d holds each hour of the day (shorten monitoring.every, or leave `auto`)",
        ["monitoring.reference.season=weekday"],
    ),
    (
        [
            "monitoring.reference.use=production",
            "monitoring.reference.period.since='2026-02-01'",
            "monitoring.reference.period.until='2026-01-01'",
        ],
        "monitoring.reference.period: holds nothing: 2026-02-01 is not before 2026-01-01",
        ["monitoring.reference.period.until='2026-03-01'"],
    ),
    (
        ["evaluation.fairness.groups=[sex]", "task=regression"],
        "evaluation.fairness.groups: groups are compared by the classes they are given, and a regression gives none",
        ["task=binary"],
    ),
    (
        ["evaluation.fairness.groups=[sex,churned]"],
        "evaluation.fairness.groups: `churned` is the target and no group",
        ["evaluation.fairness.groups=[sex]"],
    ),
    (
        ["evaluation.fairness.groups=[sex,age,sex]"],
        "evaluation.fairness.groups: `sex` is named twice (name it once)",
        ["evaluation.fairness.groups=[sex,age]"],
    ),
    (
        ["evaluation.fairness.min_ratio=0.9"],
        "evaluation.fairness.min_ratio: has no effect: evaluation.fairness.groups is empty",
        ["evaluation.fairness.groups=[sex]"],
    ),
    (
        ["evaluation.fairness.max_gap=0.2", "evaluation.fairness.min_rows=50"],
        "evaluation.fairness.min_rows: has no effect: evaluation.fairness.groups is empty, so nothing is compared",
        ["evaluation.fairness.groups=[sex]"],
    ),
    (
        ["alerts.rules.drift.signal=input_drfit"],
        "alerts.rules.drift.signal: there is no signal `input_drfit` in monitoring.signals (did you mean `input_drift`?)",
        ["alerts.rules.drift.signal=input_drift"],
    ),
    (
        ["alerts.rules.drift.signal=input_drift", "monitoring.signals.input_drift=none"],
        "there is no signal `input_drift` in monitoring.signals (there are: data_quality, multivariate_drift, domain,",
        ["alerts.rules.drift.signal=data_quality"],
    ),
    (
        ["alerts.sinks={log: {}, ops: log}", "alerts.rules.drift={signal: input_drift, to: [op, log]}"],
        "alerts.rules.drift.to: there is no sink `op` in alerts.sinks (did you mean `ops`?)",
        ["alerts.rules.drift.to=[ops]"],
    ),
    (
        ["alerts.rules.drift={signal: input_drift, to: [pager]}"],
        "alerts.rules.drift.to: there is no sink `pager` in alerts.sinks (there are: log)",
        ["alerts.sinks.pager=log"],
    ),
    (
        ["alerts.rules.drift={signal: input_drift, to: []}"],
        "alerts.rules.drift: has no effect: it tells nobody, and does nothing else (name sinks under `to`)",
        ["alerts.rules.drift.action=rollback"],
    ),
    (
        ["alerts.rules.drift={signal: input_drift, action: retrain}"],
        (
            "alerts.rules.drift.action: a retrain goes through the retraining policy, and retraining is `none` "
            "(declare `retraining`, or use `action: notify`)"
        ),
        ["retraining.when=[performance]"],
    ),
    (
        ["alerts.rules.drift={signal: input_drift, action: rollback}", "serving=none"],
        "alerts.rules.drift.action: a rollback is an endpoint's, and serving is `none`",
        ["serving=auto"],
    ),
    (
        ["alerts.rules.drift={signal: input_drift, normal: [0.2, 0.1]}"],
        "`normal`: [low, high], so low ≤ high",
        ["alerts.rules.drift.normal=[0.1,0.2]"],
    ),
    (
        ["alerts.rules.blind={signal: input_drift, when: unknown, normal: [0, 0.1]}"],
        (
            "alerts.rules.blind.normal: has no effect: with `when: unknown` nothing was judged, so there is no score "
            "(remove it, or say another `when`)"
        ),
        ["alerts.rules.blind.when=lasting"],
    ),
    (
        ["monitoring.persistence.alert=[1,4]"],
        (
            "monitoring.persistence.alert: [1, 4] is easier to reach than suspect, [2, 3], which is the milder state "
            "(ask for at least as many votes, m of [m, n])"
        ),
        ["monitoring.persistence.alert=[2,3]"],
    ),
    (
        ["monitoring.persistence.alert=[2,4]"],
        "monitoring.persistence.alert: [2, 4] is easier to reach than suspect, [2, 3]",
        ["monitoring.persistence.suspect=[2,4]"],
    ),
    (
        ["monitoring.persistence.lasting=[2,24]"],
        "monitoring.persistence.lasting: [2, 24] is easier to reach than alert, [3, 4]",
        ["monitoring.persistence.alert=[2,3]", "monitoring.persistence.lasting=[3,24]"],
    ),
    (
        ["monitoring.signals.performance.persistence.alert=[1,1]"],
        "monitoring.signals.performance.persistence.alert: [1, 1] is easier to reach than suspect, [2, 3]",
        ["monitoring.signals.performance.persistence.suspect=[1,1]"],
    ),
    (
        ["alerts.sinks.log=none", "alerts.repeat=2h"],
        "alerts.repeat: has no effect: alerts.sinks is empty, so nobody is told",
        ["alerts.sinks=[log]"],
    ),
    (
        ["monitoring=none", "retraining.when=[performance]"],
        "retraining.when.performance: reads monitoring's verdicts, and monitoring is `none`",
        ["retraining.when=[schedule]"],
    ),
    (
        ["serving=none", "retraining.when=[schedule]"],
        "retraining: has no effect: serving is `none`, so nobody looks for its triggers (write `retraining: none`)",
        ["retraining=none"],
    ),
    (
        ["engine.executor=local", "retraining.when=[performance]"],
        "retraining: has no effect: engine.executor is `local`",
        ["engine.executor=ray"],
    ),
    (
        ["serving.log.sample_fraction=0", "retraining.when=[schedule]"],
        "serving.log.sample_fraction is 0",
        ["serving.log.sample_fraction=0.5"],
    ),
    (["tuning.trials=5"], "tuning.trials: has no effect: tuning.space is empty", [SPACE]),
    (["tuning.searcher=grid"], "tuning.searcher: has no effect", [SPACE]),
    (["data.split.gap=1h"], "data.split.gap: has no effect", ["data.split.by=time", "data.event_time=ts"]),
    (["data.split.column=a"], "data.split.column: has no effect", ["data.split.by=group"]),
    (
        ["serving.num_replicas=2", "serving.autoscaling_config.max_replicas=3"],
        "serving.num_replicas: has no effect",
        ["~serving.num_replicas"],
    ),
    (["engine.executor=local", "serving.num_replicas=2"], "serving.num_replicas: has no effect", ["serving=none"]),
    (["serving=none", "monitoring.every=2h"], "monitoring.every: has no effect", ["monitoring=none"]),
    (["monitoring=none", "alerts.sinks=[webhook]"], "alerts.sinks: has no effect", ["monitoring=auto"]),
    (["serving.rate_limit.per_day=9"], "serving.rate_limit: needs auth", ["serving.auth=keys"]),
    (["engine.address=h:1", "engine.cpus=2"], "engine.cpus: has no effect", ["engine.address=null"]),
    (["engine.address=h:1", "engine.executor=local"], "engine.address: has no effect", ["engine.executor=ray"]),
]


@pytest.mark.parametrize(("overrides", "what", "mend"), BROKEN, ids=[what for _, what, _ in BROKEN])
def test_a_rule_speaks_and_is_silent_when_mended(project, bare, overrides, what, mend):
    faults = project.faults(bare, *overrides)
    assert any(what in fault for fault in faults), faults
    assert all(fault.startswith(("override ", "recipes/churn.yaml:")) for fault in faults)
    project.load(bare, *overrides, *mend)


def test_a_shared_preset_may_say_what_one_recipe_does_not_use(project, bare):
    project.write("conf/tuning/tiny.yaml", "trials: 2\n")
    assert project.load(bare, "tuning=tiny").tuning.trials == 2

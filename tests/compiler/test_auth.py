"""``serving.auth`` at plan time: who authenticates is pinned, its settings are checked, and an open door stays on loopback."""

JWT = {"name": "jwt", "params": {"issuer": "https://id.example.org", "audience": "shop", "jwks": "jwks.json"}}


def pinned(plan):
    step = next(step for step in plan.steps if step.id == "deploy")
    return [pin.name for pin in step.plugins if pin.kind == "authenticator"]


def test_the_authenticator_is_pinned(project):
    assert pinned(project.plan()) == []
    assert pinned(project.plan("serving.auth=keys")) == ["keys"]
    assert pinned(project.plan(serving={"auth": JWT})) == ["jwt"]
    assert pinned(project.plan("serving.auth=none", serving={"auth": JWT})) == []


def test_a_limit_is_of_the_plan(project):
    plan = project.plan("serving.auth=keys", "serving.rate_limit={per_second: 10, per_day: 1000}")
    limit = next(step for step in plan.steps if step.id == "deploy").serving.rate_limit
    assert (limit.per_second, limit.per_day) == (10.0, 1000)


def test_secrets_stay_markers(project):
    plan = project.plan(serving={"auth": {"name": "keys", "params": {"pepper": "${secret:THE_PEPPER}"}}})
    assert "${secret:THE_PEPPER}" in plan.to_json()


def test_mistakes_are_told_at_their_place(project):
    (fault,) = project.faults("serving.auth=jwt")[:1]
    assert "serving.auth.params.audience" in " ".join(project.faults("serving.auth=jwt"))
    assert fault.startswith("override serving.auth=jwt: serving.auth.params.")
    (fault,) = project.faults("serving.auth.params.algorithms=[HS256]", serving={"auth": JWT})
    assert "serving.auth.params.algorithms.0" in fault
    (fault,) = project.faults("serving.auth.params.isuer=a", serving={"auth": JWT})
    assert "did you mean `issuer`" in fault
    (fault,) = project.faults("serving.auth=kyes")
    assert "did you mean `keys`?" in fault


def test_everybody_is_let_in_on_loopback_alone(project):
    (fault,) = project.faults("engine.ingress.host=0.0.0.0")
    assert "engine.ingress.host: everybody could ask" in fault
    assert "serving.auth: keys" in fault
    assert pinned(project.plan("engine.ingress.host=0.0.0.0", "serving.auth=keys")) == ["keys"]

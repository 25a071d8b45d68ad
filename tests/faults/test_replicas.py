"""What breaks under load costs no request: a killed replica, one that hangs, Serve's controller, HAProxy, updates.

One round of the fast lane in CI; `MLCONFIG_FAULT_ROUNDS=20 pytest tests/faults` tries both, as benchmarks/RESULTS.md reports.
"""

import os
import signal
import time
from contextlib import suppress

import pytest

from mlconfig.engine.tenure import tenure
from mlconfig.errors import ServingError
from tests.faults.conftest import ROUNDS, until

pytestmark = pytest.mark.ray


def busy(load, more=200):
    """The load is under way: so many answers more have come."""
    begin = load.total
    until(lambda: load.total >= begin + more, 20.0, "the load")


def test_a_killed_replica_costs_no_request_and_each_answer_is_logged_once(endpoint, loaded):
    before_it = endpoint.logged()
    with loaded(clients=50) as load:
        until(lambda: len(endpoint.writers()) >= 2, 20.0, "answers of both")
        for _ in range(ROUNDS):
            busy(load)
            before, wrote = endpoint.replicas, endpoint.writers()
            assert len(before) == 2
            os.kill(before[0].pid, signal.SIGKILL)
            known = {process.pid for process in before}
            until(lambda known=known: [p for p in endpoint.replicas if p.pid not in known], 20.0, "a new replica")
            until(lambda: len(endpoint.replicas) == 2, 20.0, "a second replica")
            until(lambda wrote=wrote: endpoint.writers() - wrote, 20.0, "its first answer")
            busy(load)
    assert load.failed == {}
    assert load.slowest < 10.0, "none hangs"
    logged = endpoint.logged()
    assert len(logged) == len(set(logged))
    assert len(load.ids) == len(set(load.ids)) == load.total
    extra = set(logged) - set(before_it) - set(load.ids)
    assert set(load.ids) <= set(logged)
    assert len(extra) <= load.unanswered, "only what nobody was told of"


def test_a_replica_that_hangs_is_passed_over_and_replaced(endpoint, loaded, record_property):
    with loaded(clients=8) as load:
        busy(load)
        hung = endpoint.replicas[0]
        hung.suspend()
        stopped = time.monotonic()
        _, took = until(lambda: hung.pid not in [p.pid for p in endpoint.replicas], 30.0, "its end")
        until(lambda: len(endpoint.replicas) == 2, 30.0, "the new one")
        record_property("replaced after s", round(time.monotonic() - stopped, 1))
        busy(load)
    assert load.failed == {}
    assert took < 25.0
    asked = max((began - stopped for began, _ in load.late), default=0.0)
    record_property("last asked after s", round(asked, 1))
    assert asked <= 5.0, "no traffic after five seconds"


def test_serves_controller_may_die(endpoint, loaded):
    (controller,) = endpoint.processes("ServeController")
    with loaded() as load:
        busy(load)
        os.kill(controller.pid, signal.SIGKILL)
        busy(load, 1000)
        until(lambda: [p for p in endpoint.processes("ServeController") if p.pid != controller.pid], 20.0, "another")
        busy(load)
    assert load.failed == {}


def test_haproxy_comes_back_and_a_client_that_asks_again_sees_nothing_of_it(endpoint, loaded, record_property):
    with loaded(retries=100) as load:
        busy(load)
        for proxy in endpoint.processes("haproxy -"):
            with suppress(ProcessLookupError):  # a reload has replaced it, and it was ending by itself
                os.kill(proxy.pid, signal.SIGKILL)
        killed = time.monotonic()
        before = load.total
        until(lambda: load.total > before + 50, 30.0, "an answer")
        down = time.monotonic() - killed
    record_property("back after s", round(down, 1))
    assert load.failed == {}
    assert down < 15.0


def test_an_update_replaces_replicas_one_by_one(endpoint, loaded):
    before = {process.pid for process in endpoint.replicas}
    with loaded() as load:
        busy(load)
        endpoint.apply(*endpoint.settings, "serving.batching.max_rows=32")
        busy(load)
    assert load.failed == {}
    assert before.isdisjoint(process.pid for process in endpoint.replicas)


SPOILT = """
import os
from pathlib import Path

if "MLCONFIG_ATTEMPT" in os.environ and not Path(__file__).with_name("mended").exists():
    raise RuntimeError("broken where it serves")
"""


def test_an_update_that_fails_leaves_the_old_replicas_and_its_mend_costs_no_request(endpoint, loaded):
    folder = endpoint.project.folder / "plugins"
    folder.mkdir()
    (folder / "spoilt.py").write_text(SPOILT)
    spoilt = (*endpoint.settings, "plugins=[spoilt]")
    before = {process.pid for process in endpoint.replicas}
    with loaded() as load:
        busy(load)
        with pytest.raises(ServingError, match="broken where it serves"):
            endpoint.apply(*spoilt)
        busy(load)
        assert before <= {process.pid for process in endpoint.replicas}
        (folder / "mended").touch()
        endpoint.apply(*spoilt)
        until(lambda: len(endpoint.replicas) == 2, 20.0, "the end of the old ones")
        busy(load)
    assert load.failed == {}
    assert before.isdisjoint(process.pid for process in endpoint.replicas)


def test_a_promotion_and_a_rollback_restart_nothing(endpoint, loaded):
    settings = (*endpoint.settings, "serving.batching.max_rows=32")
    endpoint.apply(*settings)
    before = {process.pid for process in endpoint.replicas}
    with loaded() as load:
        busy(load)
        endpoint.apply(*settings, "model.params.C=0.5")
        busy(load)
        with endpoint.project.store() as store, tenure(store, endpoint.project.name) as lease:
            store.routes.rollback(endpoint.project.name, reason="test", now=time.time(), lease=lease)
        busy(load)
    assert load.failed == {}
    assert before == {process.pid for process in endpoint.replicas}


def test_replicas_come_and_go_with_the_load(endpoint, loaded):
    scaling = (
        "{min_replicas: 1, max_replicas: 2, target_ongoing_requests: 4, upscale_delay_s: 0.5, downscale_delay_s: 1, "
    )
    scaling += "metrics_interval_s: 0.3, look_back_period_s: 1}"
    lane = endpoint.settings[0]
    endpoint.apply(lane, f"serving.autoscaling_config={scaling}")
    until(lambda: len(endpoint.replicas) == 1, 40.0, "one replica without load")
    with loaded(clients=32) as load:
        until(lambda: len(endpoint.replicas) == 2, 40.0, "a second one")
        busy(load)
    with loaded(clients=1) as calm:
        until(lambda: len(endpoint.replicas) == 1, 40.0, "one again")
        busy(calm)
    assert (load.failed, calm.failed) == ({}, {})

"""A head's life: started once, found by others, used, guarded, beside another one, killed, and ended without a trace."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlconfig.engine.head import connect, destroy_head, find_head, listening, start_head
from mlconfig.engine.head.process import session_members
from mlconfig.errors import EngineError, ServingError

pytestmark = pytest.mark.ray

HERE = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}


def _run(code, *arguments, **variables):
    """Run a script in a process of its own, in another folder, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd="/",
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def _get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def _gone(url):
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(url, timeout=5):
        return False
    return True


def test_another_process_finds_the_head_and_runs_a_task_that_knows_mlconfig(ray_session):
    printed = _run(
        """
        import sys
        from pathlib import Path
        from mlconfig.engine.head import connect, find_head
        head = find_head(Path(sys.argv[1]))
        assert "ray" not in sys.modules, "finding a head needs no Ray"
        connect(head)
        import ray

        @ray.remote(num_cpus=0)
        def about():
            import mlconfig, os
            return mlconfig.__file__, os.environ["OMP_NUM_THREADS"], os.environ.get("PYTHONDONTWRITEBYTECODE")

        print(ray.get(about.remote()), ray.get_runtime_context().namespace)
        """,
        ray_session.storage,
    )
    assert "mlconfig/__init__.py', '1', None) mlconfig" in printed


def test_starting_again_returns_the_same_head_even_at_the_same_time(ray_session):
    with ThreadPoolExecutor(4) as pool:
        heads = set(pool.map(lambda _: start_head(ray_session.storage), range(4)))
    assert heads == {ray_session.head}


def test_everything_of_ray_listens_on_loopback(ray_session):
    ray_session.connect()
    assert [each for each in listening(ray_session.head) if not each.is_loopback] == []
    assert len(listening(ray_session.head)) > 5


@pytest.mark.parametrize("token", [None, "0" * 64])
def test_without_the_right_token_nobody_gets_in(ray_session, tmp_path, token):
    assert ray_session.head.token_path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "token").write_text(token or "")
    variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")}
    if token is None:
        variables = {"RAY_AUTH_MODE": "disabled"}
    printed = _run(
        """
        import sys
        from ray._raylet import GcsClient
        try:
            GcsClient(address=sys.argv[1]).internal_kv_keys(b"", namespace=None, timeout=5)
        except Exception as refused:
            print("refused", refused)
        """,
        ray_session.head.address,
        **variables,
        HOME=str(tmp_path),
    )
    assert "refused" in printed
    assert "auth" in printed.lower()


def test_connecting_elsewhere_while_connected_is_an_error(ray_session):
    ray_session.connect()
    connect(ray_session.head)
    with pytest.raises(EngineError, match="already connected to the Ray at"):
        connect("127.0.0.1:1")


def test_applications_live_side_by_side_and_are_updated_in_place(ray_session):
    ray_session.connect()
    from mlconfig.engine import serve_api

    url = serve_api.start_serve(ray_session.head)
    assert url == serve_api.start_serve(ray_session.head) == ray_session.head.url

    def deploy(name, setting):
        serve_api.deploy_application(
            name,
            "tiny_app:build",
            {"word": name},
            deployment="Tiny",
            user_config={"setting": setting},
            num_replicas=1,
            route_prefix=f"/{name}",
            runtime_env=HERE,
            ray_actor_options={"num_cpus": 0.1},
        )
        serve_api.wait_running(name, 60)

    deploy("red", 1)
    deploy("blue", 1)
    first = _get(f"{url}/red").split()
    assert first[:2] == ["red", "1"]
    assert serve_api.application_names() == ("blue", "red")

    deploy("red", 2)
    assert _get(f"{url}/red").split() == ["red", "2", first[2]], "same process, new setting"
    assert serve_api.application_status("red") == serve_api.ApplicationStatus("RUNNING", "", 1)

    with pytest.raises(ServingError, match=r"endpoint broken: .*DEPLOY_FAILED(.|\n)*this model cannot be loaded"):
        deploy("broken", 1)
    assert serve_api.delete_application("broken")
    assert serve_api.delete_application("red")
    assert not serve_api.delete_application("red")
    assert _gone(f"{url}/red")
    assert _get(f"{url}/blue").startswith("blue 1")
    assert [each for each in listening(ray_session.head) if not each.is_loopback] == []
    assert serve_api.delete_application("blue")


def test_two_heads_side_by_side_and_one_that_is_killed(ray_session, tmp_path):
    ray_session.connect()
    from mlconfig.engine import serve_api

    url = serve_api.start_serve(ray_session.head)
    serve_api.deploy_application(
        "first",
        "tiny_app:build",
        {"word": "first"},
        deployment="Tiny",
        user_config={"setting": 0},
        num_replicas=1,
        route_prefix="/first",
        runtime_env=HERE,
        ray_actor_options={"num_cpus": 0.1},
    )
    serve_api.wait_running("first")
    with contextlib.ExitStack() as usual:
        for port in (6379, 8000, 8265, 8404, 8500, 9101):
            with contextlib.suppress(OSError):
                usual.enter_context(socket.create_server(("127.0.0.1", port)))
        other = start_head(tmp_path, cpus=2)
        other_url = _run(
            """
            import sys
            from pathlib import Path
            from mlconfig.engine.head import connect, find_head
            head = find_head(Path(sys.argv[1]))
            connect(head)
            from mlconfig.engine import serve_api
            url = serve_api.start_serve(head)
            serve_api.deploy_application("second", "tiny_app:build", {"word": "second"}, deployment="Tiny",
                user_config={"setting": 0}, num_replicas=1, route_prefix="/",
                runtime_env={"env_vars": {"PYTHONPATH": sys.argv[2]}})
            serve_api.wait_running("second")
            print(url)
            """,
            tmp_path,
            Path(__file__).parent,
        )
    assert _get(other_url).startswith("second 0")
    assert _get(f"{url}/first").startswith("first 0")
    assert other.ports.taken().isdisjoint(ray_session.head.ports.taken())

    os.kill(other.raylet.pid, signal.SIGKILL)
    os.kill(other.gcs.pid, signal.SIGKILL)
    assert find_head(tmp_path) is None, "a killed head is noticed"
    assert session_members(other.sid) == []
    assert not other.temp_dir.exists()
    assert _get(f"{url}/first").startswith("first 0"), "the other head does not feel it"
    assert destroy_head(tmp_path) == 0
    assert serve_api.delete_application("first")


def test_a_ray_that_cannot_start_says_why(tmp_path):
    with pytest.raises(
        EngineError, match=r"`ray start` failed with status 1(.|\n)*must be nonnegative(.|\n)*mlconfig doctor"
    ):
        start_head(tmp_path, cpus=-1)
    assert find_head(tmp_path) is None
    assert [path.name for path in (tmp_path / "ray").iterdir()] == ["lock"]


def test_what_a_start_that_was_cut_off_left_is_ended(tmp_path):
    code = "import sys; from pathlib import Path; from mlconfig.engine.head import *; start_head(Path(sys.argv[1]), cpus=1)"
    starting = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    note = tmp_path / "ray" / "leader.json"
    while not note.exists() or not note.stat().st_size:
        assert starting.poll() is None
    leader = json.loads(note.read_bytes())["pid"]
    starting.kill()
    starting.wait()
    assert session_members(leader), "Ray goes on starting without the command"
    assert destroy_head(tmp_path) >= 1
    assert session_members(leader) == []
    assert [path.name for path in (tmp_path / "ray").iterdir()] == ["lock"]

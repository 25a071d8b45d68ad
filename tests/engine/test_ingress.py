"""The door of a local head: what is refused before anything starts, and what its record says."""

import re
import socket
import subprocess

import pytest

from mlconfig.engine.address import door_of
from mlconfig.engine.head.environment import client_variables
from mlconfig.engine.head.head import check_door
from mlconfig.engine.head.ports import choose_ports
from mlconfig.engine.head.record import Door, Head, Identity
from mlconfig.errors import EngineError, RecipeError

RECIPE = """
task: binary
data: {source: {name: synthetic, params: {rows: 100}}, target: target}
features: auto
model: logistic_regression
monitoring: none
"""


@pytest.fixture
def shop(project):
    return project.write(RECIPE)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["engine.ingress.tls.certificate=c.pem"], "needs `key` as well"),
        (["engine.ingress={tls: {certificate: c.pem, key: k.pem}}"], "`tls` needs `name: python`"),
        (["engine.ingress.host=0.0.0.0"], "everybody could ask: 0.0.0.0 is not loopback"),
        (["engine.ingress.name=python", "serving.lane=fast"], "Ray's Python proxy stands before it"),
        (["engine.ingress.port=0"], "engine.ingress.port"),
    ],
)
def test_a_door_that_cannot_be_is_refused_at_plan(shop, overrides, said):
    with pytest.raises(RecipeError, match=re.escape(said)):
        shop.plan(*overrides)


def test_other_hosts_are_for_endpoints_with_keys(shop):
    assert shop.plan("engine.ingress.host=0.0.0.0", "serving.auth=keys").engine.ingress.host == "0.0.0.0"


def test_files_are_found_from_the_project_or_missed_by_name(shop):
    plan = shop.plan("engine.ingress={name: python, tls: {certificate: c.pem, key: k.pem}}")
    with pytest.raises(EngineError, match=r"there is no file .*c\.pem"):
        door_of(shop.workspace(plan))
    make_pair(shop.folder, "c.pem", "k.pem")
    door = door_of(shop.workspace(plan))
    assert (door.name, door.certificate) == ("python", str(shop.folder / "c.pem"))


def make_pair(folder, certificate, key, *protect):
    """A certificate that signs itself, and its key."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]
    command += [
        *(protect or ["-nodes"]),
        "-subj",
        "/CN=127.0.0.1",
        "-keyout",
        folder / key,
        "-out",
        folder / certificate,
    ]
    subprocess.run(command, check=True, capture_output=True)


def test_a_pair_that_would_not_do_is_refused_before_anything_starts(shop):
    plan = shop.plan("engine.ingress={name: python, tls: {certificate: c.pem, key: k.pem}}")
    workspace, pair = shop.workspace(plan), (shop.folder / "c.pem", shop.folder / "k.pem")
    make_pair(shop.folder, "c.pem", "other.pem")
    make_pair(shop.folder, "other-c.pem", "k.pem")
    with pytest.raises(EngineError, match="key values mismatch"):
        door_of(workspace)
    make_pair(shop.folder, "c.pem", "k.pem", "-passout", "pass:secret")
    with pytest.raises(EngineError, match=r"engine\.ingress\.tls(.|\n)*without a passphrase"):
        door_of(workspace)
    for file in pair:
        file.write_text("-")
    with pytest.raises(EngineError, match="cannot be used together"):
        door_of(workspace)


def head_with(door):
    nobody = Identity(pid=1, born="0")
    return Head(
        address="127.0.0.1:1", leader=nobody, gcs=nobody, raylet=nobody, ports=choose_ports(set()), temp_dir="/t",
        token_path="/t/token", started=0.0, ray_version="2", door=door,
    )  # fmt: skip


def test_a_head_with_another_door_is_not_taken_for_this_one():
    head = head_with(Door())
    check_door(head, Door())
    with pytest.raises(EngineError, match=r"runs with another engine\.ingress: haproxy at http://127\.0\.0\.1:"):
        check_door(head, Door(port=8000))


def test_the_url_is_one_that_this_machine_reaches():
    assert head_with(Door(name="python", host="0.0.0.0", certificate="c", key="k")).url.startswith("https://127.0.0.1:")
    assert head_with(Door(host="10.0.0.7")).url.startswith("http://10.0.0.7:")


def test_a_declared_port_is_taken_or_told(free_port, taken_port):
    assert choose_ports(set(), http=free_port).http == free_port
    with pytest.raises(EngineError, match=f"the port {taken_port} is taken"):
        choose_ports(set(), http=taken_port)


@pytest.fixture
def taken_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.fixture
def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_the_environment_says_which_proxy_there_is(tmp_path):
    assert client_variables(tmp_path)["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert client_variables(tmp_path, haproxy_is_on=False)["RAY_SERVE_ENABLE_HA_PROXY"] == "0"

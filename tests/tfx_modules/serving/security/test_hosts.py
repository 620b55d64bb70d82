"""Requests are answered only under this server's names, so that no web page can ask it under its own."""

import contextlib
from pathlib import Path

import httpx
import pytest

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tfx_modules.serving.exceptions import FlagError, ForbiddenError
from tfx_modules.serving.flags.server_flags import parse_flags
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.serving.security.hosts import AllowedHosts


def allowed(host: str, more: str = "", bound: str = "127.0.0.1") -> bool:
    with contextlib.suppress(ForbiddenError):
        AllowedHosts(more.split(), bound, machine="Box.example.org").check(host)
        return True
    return False


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8501", "localhost.", "reviews.localhost:1", "127.0.0.1:8501", "127.8.9.1", "[::1]:8501"],
)
def test_this_machines_loopback_names_are_allowed(host: str) -> None:
    assert allowed(host)
    assert allowed(host, bound="10.1.2.3")


@pytest.mark.parametrize("host", ["box", "box.example.org:8501", "BOX.example.org"])
def test_the_machines_names_are_allowed(host: str) -> None:
    assert allowed(host)


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "rebound.example:8501",
        "127.0.0.1.rebound.example",
        "localhost.rebound.example",
        "notlocalhost",
        "127.0.0.1@rebound.example",
        "127.0.0.1:8501:x",
        "2130706433x",
        "",
        "*",
        "[::1",
        "10.1.2.3",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    assert allowed(host) == (host == "[::1")  # a bracket that is not closed is still that address


def test_the_bound_address_is_allowed_and_every_address_where_it_is_all() -> None:
    assert allowed("10.1.2.3:8501", bound="10.1.2.3")
    assert not allowed("10.1.2.4:8501", bound="10.1.2.3")
    for bound in ("0.0.0.0", "::"):  # noqa: S104 - nothing is bound here
        assert allowed("10.1.2.4:8501", bound=bound)
        assert allowed("[2001:db8::1]:8501", bound=bound)
        assert not allowed("rebound.example", bound=bound)


def test_further_names_are_allowed_by_the_flag() -> None:
    assert allowed("tf-serving:8501", "tf-serving embedded-server")
    assert allowed("a.svc.cluster.local", "*.svc.cluster.local")
    assert not allowed("svc.cluster.local", "*.svc.cluster.local")
    assert not allowed("other", "tf-serving")
    assert allowed("rebound.example", "*")


@pytest.mark.parametrize("hosts", ["http://a", "a/b", "a*", "x.*.y", "**"])
def test_what_is_no_name_is_refused_at_the_start(hosts: str) -> None:
    with pytest.raises(FlagError, match=r"--allowed_hosts has .*without scheme, port and path"):
        parse_flags(["--model_base_path=/m", f"--allowed_hosts=tf-serving,{hosts}"])


def test_a_server_refuses_pages_under_their_own_name_and_says_what_to_add(tmp_path: Path, publish: Publish) -> None:
    publish(tmp_path, 1)
    flags = ["--allowed_hosts=tf-serving", "--enable_cors_support"]
    with ModelServerProcess(model_base_path=tmp_path, model_name=MODEL, flags=flags) as process:
        url = f"{process.rest_url}/v1/models/{MODEL}"

        def get(host: str) -> httpx.Response:
            return httpx.get(url, headers={"Host": host, "Origin": "http://rebound.example"}, trust_env=False)

        assert get("tf-serving:8501").status_code == 200
        assert get("127.0.0.1").status_code == 200
        refused = get("rebound.example:8501")
        assert refused.status_code == 403
        assert "start it with --allowed_hosts=rebound.example" in refused.json()["error"]
        assert "access-control-allow-origin" not in refused.headers
        body = {"instances": ["good"]}
        asked = httpx.post(f"{url}:predict", json=body, headers={"Host": "rebound.example"}, trust_env=False)
        assert asked.status_code == 403

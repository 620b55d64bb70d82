"""The flags for limits, security, metrics and the prediction log."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from tests.tfx_modules.serving.certificates import Authority
from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.config_files import GrpcTls, check_tls, read_metrics_path, read_ssl_config
from tfx_modules.serving.flags.operations_flags import LoggedText, OperationsFlags
from tfx_modules.serving.flags.request_flags import RequestFlags
from tfx_modules.serving.flags.server_flags import parse_flags
from tfx_modules.serving.security.api_keys import read_api_keys

KEY = "0123456789abcdef-a-key"


def parse(*flags: str) -> OperationsFlags:
    return parse_flags(["--model_base_path=/m", *flags]).operations


def test_by_default_everything_is_off_but_bounds_and_tensorflow_servings_30_seconds() -> None:
    operations = parse()
    assert operations == OperationsFlags()
    assert operations.limits.max_request_bytes == 32 * 1024 * 1024
    assert operations.limits.rest_api_timeout_in_ms == 30_000
    assert operations.limits.max_concurrent_requests == 256
    assert all(
        getattr(operations.requests, entry.name) for entry in fields(RequestFlags) if entry.name != "max_rows_per_run"
    )
    assert operations.security.api_key_file is operations.security.ssl_config_file is None
    assert operations.prediction_log.file is operations.monitoring_config_file is None


def test_flags_are_sorted_into_their_groups() -> None:
    operations = parse(
        "--max_concurrent_requests=4",
        "--api_key_file=/keys",
        "--status_without_api_key",
        "--prediction_log_file=/log",
        "--prediction_log_sample_rate=0.1",
        "--prediction_log_text=hash",
        "--monitoring_config_file=/monitoring",
    )
    assert operations.limits.max_concurrent_requests == 4
    assert operations.security.status_without_api_key
    assert operations.prediction_log.text is LoggedText.HASH
    assert operations.prediction_log.sample_rate == 0.1
    assert operations.monitoring_config_file == Path("/monitoring")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--max_request_bytes=-1"], "--max_request_bytes=-1 is negative; give a number, or 0"),
        (
            ["--max_concurrent_requests=0", "--max_queued_requests=3"],
            "--max_queued_requests needs --max_concurrent_requests",
        ),
        (["--max_row_bytes=-1"], "--max_row_bytes=-1 is negative; give a number, or 0 for no limit"),
        (["--rest_api_timeout_in_ms=0"], "--rest_api_timeout_in_ms=0 is no time; give milliseconds"),
        (["--rest_ssl_cert=a.pem"], "--rest_ssl_cert and --rest_ssl_key go together"),
        (["--status_without_api_key"], "--status_without_api_key needs --api_key_file"),
        (["--prediction_log_text=hash"], "need --prediction_log_file"),
        (["--prediction_log_text=some"], "'some' is not one of omit, hash, plain"),
        (["--prediction_log_file=l", "--prediction_log_sample_rate=2"], "sample_rate=2.0 is not a share; give 0 to 1"),
        (["--prediction_log_file=l", "--prediction_log_sample_rate=nan"], "is not a share"),
    ],
)
def test_what_makes_no_sense_is_refused(flags: Sequence[str], message: str) -> None:
    with pytest.raises(FlagError, match=message):
        parse(*flags)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
        ('prometheus_config: {\n  enable: true,\n  path: "/metrics"\n}', "/metrics"),
        ('prometheus_config { path: "/metrics" }', None),
        ("", None),
    ],
)
def test_a_monitoring_config_names_the_metrics_page(tmp_path: Path, text: str, path: str | None) -> None:
    assert read_metrics_path(write(tmp_path / "monitoring.config", text)) == path


def test_an_ssl_config_has_keys_and_certificates_in_it(tmp_path: Path) -> None:
    text = 'server_key: "KEY\\nLINE"\nserver_cert: "CERTIFICATE"\n'
    assert read_ssl_config(write(tmp_path / "a", text)) == GrpcTls(b"KEY\nLINE", b"CERTIFICATE", None, False)
    text += 'custom_ca: "CA" client_verify: true'
    assert read_ssl_config(write(tmp_path / "b", text)) == GrpcTls(b"KEY\nLINE", b"CERTIFICATE", b"CA", True)


def test_a_config_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match="none cannot be read: No such file"):
        read_metrics_path(tmp_path / "none")
    with pytest.raises(FlagError, match="a is not a MonitoringConfig in text form: 1:1"):
        read_metrics_path(write(tmp_path / "a", "prometheus { }"))
    with pytest.raises(FlagError, match="has the path 'metrics'; give one that begins with '/'"):
        read_metrics_path(write(tmp_path / "b", 'prometheus_config { enable: true path: "metrics" }'))
    with pytest.raises(FlagError, match="lacks server_key or server_cert; give both"):
        read_ssl_config(write(tmp_path / "c", 'server_key: "KEY"'))


@pytest.mark.parametrize("cut", ["key", "certificate", "ca"])
def test_keys_and_certificates_that_are_cut_off_are_refused_before_the_server_starts(tmp_path: Path, cut: str) -> None:
    authority = Authority(tmp_path, "authority")
    pair = authority.issue("server")
    parts = {
        "key": pair.key.read_bytes(),
        "certificate": pair.certificate.read_bytes(),
        "ca": authority.file.read_bytes(),
    }
    file = tmp_path / "ssl.config"
    check_tls(file, GrpcTls(**parts, client_verify=True))
    for length in range(1, len(parts[cut]) - 8, 20):
        damaged = GrpcTls(**{**parts, cut: parts[cut][:length]}, client_verify=True)
        with pytest.raises(FlagError, match=r"--ssl_config_file=.* cannot be used: .*whole PEM texts"):
            check_tls(file, damaged)


def test_a_key_that_is_another_certificates_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    ours, other = authority.issue("ours"), authority.issue("other")
    tls = GrpcTls(other.key.read_bytes(), ours.certificate.read_bytes(), None, client_verify=False)
    with pytest.raises(FlagError, match="the server_cert that belongs to it"):
        check_tls(tmp_path / "ssl.config", tls)


def test_clients_certificates_need_an_authority(tmp_path: Path) -> None:
    text = 'server_key: "KEY" server_cert: "CERTIFICATE" client_verify: true'
    with pytest.raises(FlagError, match="has client_verify, but no custom_ca"):
        read_ssl_config(write(tmp_path / "a", text))


@pytest.mark.parametrize("content", ["", "\n\n", "# a comment\n", "short-key\n", "\0" * 64, KEY + "\nshort\n"])
@pytest.mark.parametrize("flag", ["--api_key_file", "--admin_api_key_file"])
def test_a_key_file_without_whole_keys_is_refused(tmp_path: Path, content: str, flag: str) -> None:
    with pytest.raises(FlagError, match=f"{flag}=.* has (no key|a key that is shorter)"):
        read_api_keys(write(tmp_path / "keys", content), flag)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--rest_keep_alive_seconds=0", "is no time; give seconds, more than 0"),
        ("--rest_head_timeout_seconds=-1", "is no time"),
        ("--grpc_keepalive_seconds=nan", "is no time"),
        ("--rest_max_connections=-1", "is negative; give a number, or 0 for no limit"),
        ("--grpc_max_connection_age_seconds=-1", "is negative"),
    ],
)
def test_a_limit_of_connections_that_is_none_is_refused(flag: str, message: str) -> None:
    with pytest.raises(FlagError, match=f"{flag.partition('=')[0]}=.* {message}"):
        parse(flag)


def test_connections_have_these_limits_by_default() -> None:
    limits = parse().connections
    assert limits.rest_keep_alive_seconds == 75
    assert (limits.rest_head_timeout_seconds, limits.rest_body_timeout_seconds) == (10, 60)
    assert (limits.rest_max_connections, limits.grpc_max_connections) == (512, 512)
    assert parse("--allowed_hosts=a, b,").connections.allowed_hosts == ("a", "b")

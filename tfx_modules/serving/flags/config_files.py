"""Reads TensorFlow Serving's config files for TLS and monitoring.

Both are protos in text form: ``tensorflow_serving/config/ssl_config.proto`` and ``monitoring_config.proto``.
"""

from dataclasses import dataclass
from pathlib import Path

from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.text_protos import read_text_proto

DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"


@dataclass(frozen=True)
class GrpcTls:
    """gRPC's keys and certificates, PEM.

    Attributes:
        ca: what clients' certificates must go back to; None = the system's.
        client_verify: clients must show a certificate.
    """

    key: bytes
    certificate: bytes
    ca: bytes | None
    client_verify: bool


def read_ssl_config(file: Path) -> GrpcTls:
    """Read an SSLConfig.

    Raises:
        FlagError: the file cannot be read, is none, or lacks key or certificate.
    """
    config = read_text_proto("--ssl_config_file", file, "SSLConfig")
    if not config.server_key or not config.server_cert:
        raise FlagError(f"--ssl_config_file={file} lacks server_key or server_cert; give both, as PEM text")
    ca = config.custom_ca.encode() or None
    return GrpcTls(config.server_key.encode(), config.server_cert.encode(), ca, config.client_verify)


def read_metrics_path(file: Path) -> str | None:
    """Read a MonitoringConfig; return the path of the metrics page, None when it is not enabled.

    Raises:
        FlagError: the file cannot be read, is none, or names something that is no path.
    """
    config = read_text_proto("--monitoring_config_file", file, "MonitoringConfig").prometheus_config
    path = config.path or DEFAULT_METRICS_PATH
    if not path.startswith("/"):
        raise FlagError(f"--monitoring_config_file={file} has the path {path!r}; give one that begins with '/'")
    return path if config.enable else None

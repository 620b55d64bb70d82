"""Reads TensorFlow Serving's config files for TLS and monitoring.

Both are protos in text form: ``tensorflow_serving/config/ssl_config.proto`` and ``monitoring_config.proto``.
"""

import os
import ssl
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
        FlagError: the file cannot be read, is none, or lacks key, certificate or a CA that it asks for.
    """
    config = read_text_proto("--ssl_config_file", file, "SSLConfig")
    if not config.server_key or not config.server_cert:
        raise FlagError(f"--ssl_config_file={file} lacks server_key or server_cert; give both, as PEM text")
    if config.client_verify and not config.custom_ca:
        raise FlagError(
            f"--ssl_config_file={file} has client_verify, but no custom_ca that clients' certificates must go back to; "
            "give it as PEM text"
        )
    ca = config.custom_ca.encode() or None
    return GrpcTls(config.server_key.encode(), config.server_cert.encode(), ca, config.client_verify)


def check_tls(file: Path, tls: GrpcTls) -> None:
    """Check that gRPC's key and certificates can be used, before a server is started with them.

    Raises:
        FlagError: one of them is empty, cut off, no PEM text, or does not fit the others.
    """
    try:
        _load(tls)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise FlagError(
            f"--ssl_config_file={file} cannot be used: {error}; give server_key, the server_cert that belongs to it, "
            "and custom_ca as whole PEM texts"
        ) from error


def _load(tls: GrpcTls) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # OpenSSL reads keys from files only; this one is in memory.
    with os.fdopen(os.memfd_create("server_key"), "wb") as file:
        file.write(tls.key + b"\n" + tls.certificate)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    if tls.ca is not None:
        context.load_verify_locations(cadata=tls.ca.decode())


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

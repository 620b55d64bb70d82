"""A server that asks for an API key, for tests of what clients with and without one can do."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tfx_modules.serving.process import ModelServerProcess


@contextmanager
def guarded_server(base_path: Path, publish: Publish, key: str, flags: Sequence[str]) -> Iterator[ModelServerProcess]:
    """Serve version 1 to those who have a key, with metrics."""
    publish(base_path, 1)
    keys, monitoring = base_path / "keys", base_path / "monitoring.config"
    keys.write_text(key)
    monitoring.write_text("prometheus_config { enable: true }")
    own = [f"--api_key_file={keys}", f"--monitoring_config_file={monitoring}"]
    with ModelServerProcess(model_base_path=base_path, model_name=MODEL, flags=[*flags, *own]) as process:
        yield process

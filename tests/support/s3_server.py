"""An S3 for tests of the TFX side: moto's server, which Airflow's environment has, as a process on loopback."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PYTHON = Path(__file__).parents[2] / ".venv" / "airflow" / "bin" / "python"
_SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
server.stop()
"""
CONFIG = """[default]
region = us-east-1
endpoint_url = {address}
aws_access_key_id = {key}
aws_secret_access_key = {secret}
"""


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 that is empty at first; it ends with the block, or with this process."""
    with subprocess.Popen(
        [str(PYTHON), "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "moto's server did not start"
        yield address
        process.stdin.close()
        assert process.wait(30) == 0

"""The model server's image has all modules of the project that the server imports."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
IMPORT = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
ENTRIES = (
    "scripts.container.health",
    "tfx_modules.serving.__main__",
    "tfx_modules.serving.server",
    "tfx_modules.serving.client.command",
    "tfx_modules.serving.client.rpc",
    "tfx_modules.serving.vertex.__main__",
    "tfx_modules.serving.vertex.storage",
)


def test_what_the_server_imports_is_in_the_image(tmp_path: Path) -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile.serving").read_text(encoding="utf-8")
    for sources, target in re.findall(r"^COPY ((?:scripts|tfx_modules)\S*(?: \S+)*) (\S+)$", dockerfile, re.MULTILINE):
        for source in map(ROOT.joinpath, sources.split()):
            place = tmp_path / target
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *ENTRIES],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""The node server has imported what nodes need, so that a fork imports nothing but the project's own modules."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = r"""
import importlib, json, re, sys, threading
from pathlib import Path

from tfx_modules.node.server.preload import preload

preload(lambda: False)
before, threads = set(sys.modules), threading.active_count()
import tfx_modules.node.run
from tfx_modules.reports import writer

for page in writer.PAGES.values():
    page()
names = set(re.findall(r"tfx_modules(?:\.\w+)+", Path(sys.argv[1]).read_text()))
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        importlib.import_module(name.rpartition(".")[0])
own = sys.stdlib_module_names | {"tfx_modules"}
late = {name for name, module in sys.modules.items() if name not in before and module}
print(json.dumps({
    "names": len(names),
    "late": sorted(name for name in late if name.partition(".")[0] not in own),
    "early": sorted(name for name in before if re.match(r"kubernetes\b|google\.cloud\.aiplatform\b", name)),
    "threads": threads,
}))
"""


def test_a_fork_finds_all_libraries_of_every_node_imported_and_no_thread(repository: Path) -> None:
    golden = repository / "tests" / "tfx_modules" / "golden" / "bert_sentiment.json"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(golden)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("names") > 12  # classes and functions of all nodes
    assert found == {"late": [], "early": [], "threads": 1}

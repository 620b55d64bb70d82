"""A program under test: keeps parts running, as a stack does, until it gets a signal or one of them dies.

`python keeper.py FOLDER '{"name": "python code", ...}'`; a process of its own, since stopping kills all descendants.
"""

import json
import os
import sys
import time
from pathlib import Path

from scripts.stack.command import run_command, say
from scripts.stack.descendants import adopt_orphans
from scripts.stack.processes import Processes, Service
from scripts.stack.signals import Interrupts

POLITE_SECONDS = 1.5


def keep(interrupts: Interrupts) -> None:
    folder = Path(sys.argv[1])
    adopt_orphans()
    processes = Processes()
    try:
        for name, code in json.loads(sys.argv[2]).items():
            command = (sys.executable, "-c", code)
            processes.start(Service(name, command, dict(os.environ), folder, folder / f"{name}.log"))
        say("started")
        while True:
            processes.check()
            time.sleep(0.02)
    finally:
        interrupts.hold()
        processes.stop(POLITE_SECONDS)


if __name__ == "__main__":
    sys.exit(run_command(keep))

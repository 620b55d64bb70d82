"""`python -m scripts.stack_test`: runs the whole test; exit code 0 when every step passed.

The figures go to `var/stack-test/figures.json`. STACK_TEST_KEEP=1 leaves the stack running at the end, for a look.
"""

import os
import sys
import time
from collections.abc import Mapping

from scripts.stack.command import run_command, say
from scripts.stack.paths import find_paths
from scripts.stack.signals import Interrupts
from scripts.stack.waiting import ProgressReporter
from scripts.stack_test import steps
from scripts.stack_test.bases import ensure_bases
from scripts.stack_test.figures import Figures
from scripts.stack_test.running_stack import make_test_stack


def stack_test(interrupts: Interrupts, environ: Mapping[str, str]) -> None:
    """Run all steps; take everything down at the end, in whichever way it comes.

    Raises:
        StackError: A step failed.
    """
    started = time.monotonic()
    paths, progress = find_paths(environ), ProgressReporter(say)
    test_stack = make_test_stack(paths.root, paths.state, environ)
    figures = Figures(test_stack.folder / "figures.json", progress)
    test_stack.engine.compose("down", "--volumes")  # what an interrupted test left
    try:
        with figures.timed("base images"):
            ensure_bases(test_stack.engine, test_stack.folder, environ)
        steps.build(test_stack, figures)
        with steps.start(test_stack, figures) as api:
            for step in (steps.run, steps.node_in_container, steps.kill_worker, steps.restart_all, steps.upgrade):
                progress.say(f"{step.__name__}: {(step.__doc__ or '').splitlines()[0]}")
                step(test_stack, api, figures)
        with steps.back_up_and_restore(test_stack, figures):
            pass
    finally:
        interrupts.hold()
        if not environ.get("STACK_TEST_KEEP"):
            progress.say("Taking the stack down.")
            with figures.timed("removal of the stack"):
                test_stack.engine.compose("down", "--volumes", "--timeout", "10")
    say(f"Done after {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    sys.exit(run_command(lambda interrupts: stack_test(interrupts, os.environ)))

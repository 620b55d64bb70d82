"""Hands the cells of a notebook on to a kernel of the TFX environment.

A notebook's kernel has the Python of whoever started it: Colab's is newer than any that TFX can be installed on. Here
the kernel stays as it is. It starts a second one, with the environment that set-up builds, and has it run each further
cell; what the cell prints, shows and raises comes back to the notebook.

It runs in Pythons and with releases of IPython and jupyter_client that others choose (Colab has those of 2022), and
so uses only what both have had since.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from IPython import get_ipython
from IPython.display import clear_output, publish_display_data
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

from scripts.errors import ScriptError

ENVIRONMENT = "notebook"
READY_SECONDS = 120.0
_POLL_SECONDS = 1.0
_NOT_FOR_IT = ("MPLBACKEND", "PYTHONHOME", "PYTHONPATH", "PYTHONWARNINGS")
"""Variables that the notebook's own kernel has for its own Python."""
_CALL = "__import__('scripts.notebook.handover', fromlist=['run']).run("
_IN_USE: list[TfxKernel] = []


class HandoverError(ScriptError):
    """The cells cannot be handed on; the message says why."""


class CellError(Exception):
    """A cell failed in the other kernel. Shown with the traceback that it had there."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__(f"{content['ename']}: {content['evalue']}")
        self._traceback: list[str] = content["traceback"]

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of this process' own."""
        return self._traceback


class TfxKernel:
    """A kernel with another Python, which ends with this process."""

    def __init__(self, python: Path, folder: Path) -> None:
        """Start it, and wait until it answers.

        Args:
            python: has ipykernel and TFX.
            folder: the working folder of its cells.

        Raises:
            HandoverError: it does not answer.
        """
        # Sockets in a folder of this user's alone: anybody on the machine can connect to ports.
        self._sockets = tempfile.TemporaryDirectory(prefix="kernel-")
        self._manager = KernelManager(
            kernel_name=ENVIRONMENT,
            kernel_spec_manager=_OneSpec(python),
            transport="ipc",
            ip=str(Path(self._sockets.name) / "socket"),
        )
        environ = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_IT}
        self._manager.start_kernel(cwd=str(folder), env=environ)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        try:
            self._client.wait_for_ready(timeout=READY_SECONDS)
        except RuntimeError as error:
            self.stop()
            raise HandoverError(
                f"the kernel of {python} does not answer: {error}. Run `{python} -m ipykernel --version`, which may "
                "say why; then run this cell again."
            ) from error

    def stop(self) -> None:
        """End the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._sockets.cleanup()

    def run(self, code: str) -> None:
        """Run a cell; an interrupt is passed on, and the cell then ends by its KeyboardInterrupt.

        Raises:
            CellError: the cell failed.
            HandoverError: the kernel has ended.
        """
        asked = self._client.execute(code, allow_stdin=False)
        interrupts: list[int] = []
        # No KeyboardInterrupt: older kernels turn the signal into a cancellation, which comes at the end of a cell.
        before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
        try:
            failure = self._follow(asked, interrupts)
        finally:
            signal.signal(signal.SIGINT, before)
        if failure:
            raise CellError(failure)

    def _follow(self, asked: str, interrupts: list[int]) -> dict[str, Any] | None:
        """Show what a cell puts out, to its end; return its error, if it has failed."""
        failure: dict[str, Any] | None = None
        while True:
            if interrupts:
                interrupts.clear()
                self._manager.interrupt_kernel()
            message = self._next(asked)
            if message is None:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return failure
            if kind == "error":
                failure = content
            else:
                _show(kind, content)

    def _next(self, asked: str) -> dict[str, Any] | None:
        try:
            message: dict[str, Any] = self._client.get_iopub_msg(timeout=_POLL_SECONDS)
        except queue.Empty:
            if not self._manager.is_alive():
                raise HandoverError(
                    "the kernel of the TFX environment has ended, most likely for want of memory. Restart the "
                    "notebook's kernel, and run the cells from the first one on."
                ) from None
            return None
        return message if message["parent_header"].get("msg_id") == asked else None


class _OneSpec(KernelSpecManager):  # type: ignore[misc]
    """Knows one kernel, of a Python that is registered nowhere."""

    def __init__(self, python: Path) -> None:
        super().__init__()
        self._spec = KernelSpec(
            argv=[str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="TFX environment",
            language="python",
        )

    def get_kernel_spec(self, kernel_name: str) -> Any:
        """Return the one spec, whatever the name."""
        del kernel_name
        return self._spec


def begin(root: Path) -> None:
    """Build the TFX environment where it is missing, and run all further cells of this notebook in it.

    Args:
        root: a checkout of this project.

    Raises:
        HandoverError: the environment cannot be built, its kernel does not start, or this is no notebook.
    """
    shell = get_ipython()
    if shell is None:
        raise HandoverError("there is no notebook here to hand cells on from; run this in a cell of one.")
    _build(root)
    python = root / ".venv" / ENVIRONMENT / "bin" / "python"
    print(f"Starting {python} ...", flush=True)
    while _IN_USE:
        _IN_USE.pop().stop()
    _IN_USE.append(TfxKernel(python, root))
    if _handed_on not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(_handed_on)
    print(f"This notebook's kernel is Python {sys.version.split()[0]}; all further cells run in {python}.")


def run(code: str) -> None:
    """Run a cell in the kernel that :func:`begin` has started; the cells that were handed on call it."""
    _IN_USE[-1].run(code)


def _build(root: Path) -> None:
    command = [sys.executable, "-m", "scripts.setup", ENVIRONMENT]
    print("Building the TFX environment where it is missing, in some minutes ...", flush=True)
    with subprocess.Popen(
        command, cwd=str(root), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
    if process.returncode != 0:
        raise HandoverError("the TFX environment could not be built; the lines above say why.")


def _handed_on(lines: list[str]) -> list[str]:
    """Turn a cell into a call of :func:`run`; IPython may ask for the same cell twice."""
    code = "".join(lines)
    return lines if not code.strip() or code.startswith(_CALL) else [f"{_CALL}{code!r})\n"]


def _show(kind: str, content: dict[str, Any]) -> None:
    if kind == "stream":
        print(content["text"], end="", file=sys.stderr if content["name"] == "stderr" else sys.stdout, flush=True)
    elif kind == "clear_output":
        clear_output(wait=content["wait"])
    elif kind in ("display_data", "update_display_data", "execute_result"):
        publish_display_data(
            content["data"],
            content["metadata"],
            transient=content.get("transient", {}),
            update=kind == "update_display_data",
        )

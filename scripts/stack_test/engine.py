"""Runs commands of the Docker engine's and the Compose client."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.errors import StackError


@dataclass(frozen=True)
class Engine:
    """One project of Compose on one engine."""

    root: Path
    environ: Mapping[str, str] = field(repr=False)
    compose_command: Sequence[str]
    profiles: Sequence[str] = ()

    def docker(self, *arguments: str, text: str | None = None) -> str:
        """Run a command of the engine's client; return what it printed.

        Raises:
            StackError: It failed; the message ends with what it said.
        """
        return self._run(["docker", *arguments], text)

    def compose(self, *arguments: str, text: str | None = None) -> str:
        """Run a command of Compose, likewise."""
        profiles = [word for profile in self.profiles for word in ("--profile", profile)]
        return self._run([*self.compose_command, *profiles, *arguments], text)

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        found = self.compose("ps", "-q", service).split()
        if len(found) != 1:
            raise StackError(f"{service} has {len(found)} containers; exactly one was expected.")
        return found[0]

    def health(self, service: str) -> str:
        """Return `healthy`, `starting` or `unhealthy`; the state of a container that does not run."""
        state = json.loads(self.docker("inspect", "--format", "{{json .State}}", self.container(service)))
        return str(state["Health"]["Status"] if state["Running"] else state["Status"])

    def bytes_of(self, image: str) -> int:
        """Return an image's size."""
        return int(self.docker("image", "inspect", "--format", "{{.Size}}", image))

    def has_image(self, image: str) -> bool:
        """Whether the engine has an image."""
        return bool(self.docker("images", "-q", image).strip())

    def _run(self, command: Sequence[str], text: str | None) -> str:
        done = subprocess.run(
            command, cwd=self.root, env=dict(self.environ), input=text, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = "\n".join([*done.stdout.splitlines()[-15:], *done.stderr.splitlines()[-25:]])
            raise StackError(f"`{' '.join(command[:6])} ...` exited with {done.returncode}:\n{said}")
        return done.stdout

"""A notifier of a user's own, as the setting `notifications` may name one: it writes lines to a file."""

from collections.abc import Sequence
from pathlib import Path

from airflow.sdk import BaseNotifier, Context


class FileNotifier(BaseNotifier):
    template_fields: Sequence[str] = ("text",)

    def __init__(self, *, path: str, text: str) -> None:
        super().__init__()
        self.path = path
        self.text = text

    def notify(self, context: Context) -> None:
        if "dag_run" not in context:
            raise LookupError("no run")
        self.write()

    def write(self) -> None:
        with Path(self.path).open("a") as file:
            file.write(f"{self.text}\n")


class FileNotifierWithoutRun(FileNotifier):
    """One that needs no run: rollbacks by people have none."""

    def notify(self, context: Context) -> None:
        del context
        self.write()

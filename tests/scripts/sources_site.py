"""A project with sources, a DAG bundle's snapshots of them, and a stand-in for Airflow's API that serves its DAG."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from airflow_bert_service.bundle.snapshots import SnapshotStore, Version, sources_version
from airflow_bert_service.pipeline.compiler import ir_file
from airflow_bert_service.pipeline.version import write_version

from scripts.stack.paths import StackPaths
from tests.support.loopback import HOST, serving

BUNDLE = "films-bundle"
DAG = "films"
CONFIGURATION = f"""\
[dag_processor]
dag_bundle_config_list = [{{"name": "{BUNDLE}", "classpath": "a.package.PipelineDagBundle", "kwargs": {{}}}}]
"""
COMPILED = dt.datetime(2026, 11, 5, 12, 30, tzinfo=dt.timezone.utc)


@dataclass
class SourcesSite:
    """The project, and what Airflow knows of it."""

    paths: StackPaths
    dag: dict[str, Any] | None = None
    """What the API answers about the DAG; None: it does not know it."""
    errors: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def lay_out(cls, folder: Path) -> "SourcesSite":
        site = cls(StackPaths(folder / "project", folder / "state"))
        for name in ("dags", "tfx_modules"):
            (site.paths.root / name).mkdir(parents=True)
        site.paths.state.mkdir()
        (site.paths.root / "airflow.cfg").write_text(CONFIGURATION)
        (site.paths.root / "dags" / "films.py").write_text("'A DAG of airflow.'\n")
        site.edit(2)
        return site

    def edit(self, epochs: int) -> str:
        """Change the sources; return their version."""
        settings = f'name = "{DAG}"\n[training]\nepochs = {epochs}\n'
        (self.paths.root / "tfx_modules" / "settings.toml").write_text(settings)
        return sources_version(self.paths.root)

    @property
    def store(self) -> SnapshotStore:
        return SnapshotStore(self.paths.state / "bundles" / BUNDLE)

    def publish(self) -> Version:
        """Publish the sources, as the DAG processor does when they have been compiled."""
        version = Version(sources_version(self.paths.root))
        copy = self.store.copy_sources(self.paths.root)
        ir_file(copy).parent.mkdir()
        write_version(ir_file(copy), str(version), COMPILED)
        self.store.publish(copy, version)
        return version

    def fail_to_compile(self) -> None:
        self.store.publish_failure(sources_version(self.paths.root), "setting training.epochs is 'x'")

    def read(self, version: Version, *, file_of: Version | None = None) -> None:
        """Let Airflow note a bundle version, and have read the DAG from a file of it, or of another one."""
        self.dag = {
            "is_paused": False,
            "is_stale": False,
            "bundle_name": BUNDLE,
            "bundle_version": str(version),
            "relative_fileloc": "films.py",
            "last_parsed_time": dt.datetime.now(dt.timezone.utc).isoformat(),
            "fileloc": str(self.store.dags_of(file_of or version) / "films.py"),
        }

    def refuse(self, file: str, at: dt.datetime) -> None:
        """Let Airflow find an error in a DAG file."""
        error = {"filename": file, "timestamp": at.isoformat(), "stack_trace": f"NameError in {file}"}
        self.errors.append(error)

    @contextmanager
    def api(self) -> Iterator[str]:
        """Serve what Airflow's API answers; yield its URL."""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._answer({"access_token": "token"})

            def do_GET(self) -> None:
                if self.path == "/api/v2/monitor/health":
                    self._answer({"scheduler": {"status": "healthy"}})
                elif self.path == "/api/v2/importErrors":
                    self._answer({"import_errors": site.errors})
                else:
                    known = site.dag if self.path == f"/api/v2/dags/{DAG}" else None
                    self._answer(known or {"detail": "not found"}, 200 if known else 404)

            def _answer(self, value: object, status: int = 200) -> None:
                body = json.dumps(value).encode()
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        with serving(Handler) as port:
            yield f"http://{HOST}:{port}"

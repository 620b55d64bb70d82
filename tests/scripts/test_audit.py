"""The audit lists known advisories of locked packages, tells new ones from judged ones, and never passes unasked."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import audit
from scripts.audit import AuditError, Finding, Package, UnreachableError

ROOT = Path(__file__).parents[2]
OLD, NEW, OTHER = Package("library", "1.4"), Package("library", "1.5"), Package("other-thing", "2.0")
ADVISORY = {
    "id": "PYSEC-1",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Library"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"fixed": "1.5"}]}],
        },
        {"package": {"ecosystem": "npm", "name": "other-thing"}, "versions": ["2.0"]},
    ],
}


class Database(BaseHTTPRequestHandler):
    """Answers as OSV's `querybatch` does, about one advisory."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        results: list[dict[str, Any]] = [
            {"vulns": [{"id": "PYSEC-1"}]} if (query["package"]["name"], query["version"]) == ("library", "1.4") else {}
            for query in asked
        ]
        body = json.dumps({"results": results}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def database() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Database) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/querybatch"
        server.shutdown()
        thread.join()


def test_every_lock_files_packages_are_looked_up() -> None:
    packages = audit.locked(ROOT)

    assert {"tensorflow", "apache-airflow", "uv", "mkdocs"} <= {package.name for package in packages}
    assert len([package for package in packages if package.name == "protobuf"]) == 2  # of both environments


def test_osv_is_asked_about_names_and_versions(database: str) -> None:
    assert audit.ask_osv([OLD, NEW, OTHER], database) == {Finding(OLD, "PYSEC-1")}


def test_a_copy_of_advisories_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "PYSEC-1.json").write_text(json.dumps(ADVISORY))

    assert audit.read_folder([OLD, NEW, OTHER], tmp_path) == {Finding(OLD, "PYSEC-1")}


def test_an_advisory_that_was_withdrawn_is_none(tmp_path: Path) -> None:
    (tmp_path / "PYSEC-1.json").write_text(json.dumps({**ADVISORY, "withdrawn": "2026-01-01T00:00:00Z"}))

    assert audit.read_folder([OLD], tmp_path) == set()


def test_a_folder_without_advisories_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="has no advisory; allowed: a folder with files as OSV writes them"):
        audit.read_folder([OLD], tmp_path)


def test_a_database_that_cannot_be_reached_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = "http://127.0.0.1:1/v1/querybatch"
    with pytest.raises(UnreachableError, match="Nothing is known about the packages"):
        audit.ask_osv([OLD], nowhere)

    assert audit.main({"AUDIT_URL": nowhere}) == 3
    assert capsys.readouterr().err.startswith("NOT AUDITED: ")


def test_a_judged_advisory_is_listed_with_its_reason_and_others_are_new() -> None:
    known = audit.Judgement("CVE-1", "library", frozenset({"PYSEC-1", "GHSA-1"}), "is for Windows")

    lines, is_clean = audit.report({Finding(OLD, "GHSA-1")}, [known])
    assert is_clean
    assert lines[0] == "library 1.4: GHSA-1; judged: it is for Windows"

    lines, is_clean = audit.report({Finding(OTHER, "GHSA-1")}, [known])
    assert not is_clean
    assert lines[0] == "other-thing 2.0: GHSA-1; NEW: https://osv.dev/GHSA-1"
    assert lines[1] == "CVE-1 (library) was not found. If it is fixed, remove it from requirements/advisories.toml."
    assert lines[-1] == "1 known advisories, 1 of them new."


def test_a_judgement_needs_a_reason(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / audit.JUDGED).write_text('[CVE-1]\npackage = "library"\nids = ["PYSEC-1"]\n')

    with pytest.raises(AuditError, match=r"\[CVE-1\] in requirements/advisories.toml has no reason"):
        audit.judged(tmp_path)


def test_what_was_judged_is_about_locked_packages_and_in_the_security_page() -> None:
    names = {package.name for package in audit.locked(ROOT)}
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

    for judgement in audit.judged(ROOT):
        assert judgement.package in names
        assert f"| {judgement.name} | {judgement.package} |" in page

"""Promotions and rollbacks as a server's clients see them."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.tfx_modules.serving.exported_models import MODEL, export
from tests.tfx_modules.serving.load import Load, status, until
from tfx_modules.promotion import manifest
from tfx_modules.promotion.events import Event, Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, Champion, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.serving.process import MODULE_ROOT, ModelServerProcess


class Site:
    """A ledger and a served folder; models say which day they are of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = f"sqlite:///{folder}/ledger.db"
        self.repository = ModelRepository(folder / "models" / MODEL)

    def promote(self, day: int, *, older: bool = False) -> Event:
        export(self.folder / f"model-{day}", day)
        date = dt.date(2026, 11, day)
        run = Run(dag_id="bert", run_id=f"run-{day}", data_date=date, first_day=date)
        candidate = Candidate(run=run, model=self.folder / f"model-{day}", actor="somebody", older=older)
        return Promoter(open_ledger(self.ledger, "bert"), self.repository).promote(candidate, _accept)

    def command(self, *arguments: str) -> str:
        """Run the command as scripts/bert models does."""
        environment = {
            "BERT_SERVICE_LEDGER": self.ledger,
            "BERT_SERVICE_PIPELINE": "bert",
            "BERT_SERVICE_MODELS": str(self.repository.served),
        }
        command = [sys.executable, "-m", "tfx_modules.promotion", *arguments]
        done = subprocess.run(
            command, cwd=MODULE_ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _accept(champion: Champion | None) -> GateResult:
    return GateResult(passed=True, reason=f"as good as {champion.version}" if champion else "the first one")


def reason(server: ModelServerProcess) -> str:
    """Return why the server does not serve its one version."""
    answer = httpx.get(f"{server.rest_url}/v1/models/{MODEL}", trust_env=False)
    (version,) = answer.json()["model_version_status"]
    return str(version["status"]["error_message"])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_no_request_fails_while_models_are_promoted_and_rolled_back(site: Site) -> None:
    site.promote(4)
    server = ModelServerProcess(model_base_path=site.repository.served, model_name=MODEL, poll_seconds=0.1)
    with server:
        url = f"{server.rest_url}/v1/models/{MODEL}"
        with Load(server) as load:
            site.promote(5)
            until(lambda: status(server).get("2026110501") == "AVAILABLE")
            until(lambda: 5 in load.versions)
            back = site.command("roll-back", "--reason", "it is rude", "--server", url)
            site.promote(3, older=True)
            until(lambda: status(server).get("2026110301") == "AVAILABLE")
            until(lambda: 3 in load.versions)
            forth = site.command("roll-back", "--to", "2026110501", "--reason", "it was not", "--server", url)
            seen = len(load.versions)
            until(lambda: len(load.versions) > seen + 50)

    assert load.failures == []
    changes = [
        version for before, version in zip([0, *load.versions], load.versions, strict=False) if version != before
    ]
    # Two clients: the one may still have an answer of the version before.
    assert list(dict.fromkeys(changes)) == [4, 5, 3]
    assert load.versions[-1] == 5
    assert f"rolled_back 2026110401: from 2026110501 to 2026110401: it is rude\nserved by {url} after" in back
    assert "rolled_back 2026110501: from 2026110301 to 2026110501: it was not" in forth
    print(back, forth)


def test_a_version_with_a_changed_byte_is_not_served_and_the_one_before_stays(site: Site) -> None:
    site.promote(4)
    server = ModelServerProcess(model_base_path=site.repository.served, model_name=MODEL, poll_seconds=0.1)
    with server:
        until(lambda: status(server) == {"2026110401": "AVAILABLE"})
        site.promote(5)
        until(lambda: status(server).get("2026110501") == "AVAILABLE")
        (site.repository.folder(2026110401) / "saved_model.pb").write_bytes(b"")
        damaged = site.repository.folder(2026110401).rename(site.repository.served / "2026110601")
        until(lambda: status(server).get("2026110601") == "END")
        assert status(server)["2026110501"] == "AVAILABLE"
        assert damaged.exists()


def test_a_version_that_is_not_the_one_that_was_promoted_is_not_served_until_it_is_again(site: Site) -> None:
    """Without its manifest, or with one that fits other files: the server knows the ledger's digest."""
    site.promote(4)
    folder = site.repository.folder(2026110401)
    listed = folder / manifest.PLACE
    text = listed.read_text()
    listed.unlink()
    server = ModelServerProcess(model_base_path=site.repository.served, model_name=MODEL, poll_seconds=0.1)
    with server:
        until(lambda: status(server) == {"2026110401": "END"})
        (folder / "more").write_text("a file that was not promoted")
        manifest.write(folder)
        until(lambda: "is not the model that was promoted by this number" in reason(server))
        (folder / "more").unlink()
        listed.write_text(text)
        until(lambda: status(server) == {"2026110401": "AVAILABLE"})


def test_a_server_tries_again_when_the_digest_beside_a_version_is_written_anew(site: Site) -> None:
    site.promote(4)
    (site.repository.served / manifest.DIGESTS / "2026110401").write_text("nonsense")
    server = ModelServerProcess(model_base_path=site.repository.served, model_name=MODEL, poll_seconds=0.1)
    with server:
        until(lambda: "holds 'nonsense'; allowed: the digest of the version" in reason(server))
        site.command("settle")
        until(lambda: status(server) == {"2026110401": "AVAILABLE"})

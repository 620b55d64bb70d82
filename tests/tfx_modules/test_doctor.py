"""What the TFX side says of its packages, the encoder and its databases."""

import sqlite3
from importlib.metadata import version
from pathlib import Path

from tfx_modules import doctor
from tfx_modules.model.encoder import files as encoder

ROOT = Path(__file__).parents[2]


def test_this_environment_has_the_packages_of_the_lock() -> None:
    found = doctor.packages(ROOT / "docker" / "requirements" / "tfx.txt")
    assert found["got"].endswith(", as pinned")
    assert found["do"] == ""


def test_packages_that_are_missing_or_of_another_version_are_named(tmp_path: Path) -> None:
    lock = tmp_path / "tfx.txt"
    lock.write_text(f"tfx==1.0 \\\n    --hash=sha256:00\nno-such-package==2.0\nsqlalchemy=={version('sqlalchemy')}\n")
    found = doctor.packages(lock)
    assert found["got"] == f"tfx {version('tfx')}, not 1.0, no-such-package missing, not 2.0"
    assert "from the lock" in found["do"]


def test_the_encoder_is_checked_by_the_digests_of_the_settings(tmp_path: Path) -> None:
    assert [found["do"] for found in doctor.encoder(ROOT / "tfx_modules" / "settings.toml")] == ["", "", ""]
    settings = tmp_path / "settings.toml"
    settings.write_text('[encoder]\nweights_sha256 = "0000"\n')
    found = {item["what"]: item for item in doctor.encoder(settings)}
    assert "expected 0000" in found["the encoder's weights"]["got"]
    assert "install the pinned encoder" in found["the encoder's weights"]["do"]
    settings.write_text("[encoder]\nmax_tokens = true\n")
    (wrong,) = doctor.encoder(settings)
    assert wrong["do"] == f"correct {settings}"


def test_the_digest_that_the_encoder_has_to_have_is_shown(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.touch()
    known = encoder.KNOWN.values()
    found = [item["got"] for item in doctor.encoder(settings)]
    assert sorted(got[-12:] for got in found[1:]) == sorted(digest[:12] for digest in known)
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        (tmp_path / name).touch()
    settings.write_text(f'[encoder]\nsource = "{tmp_path}"\n')
    found = [item["got"] for item in doctor.encoder(settings)]
    assert found[1:] == [f"{path}, SHA-256 pinned when compiled" for path in (tmp_path / "vocab.txt", tmp_path)]


def test_a_database_is_looked_at_and_never_made(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    assert doctor.database("ledger", f"sqlite:///{file}")["got"] == f"{file}, which the first run will create"
    assert not file.exists()
    sqlite3.connect(file).execute("CREATE TABLE events (position INTEGER)")
    assert doctor.database("ledger", f"sqlite:///{file}")["got"].endswith("ledger.db, 1 tables")
    refused = doctor.database("metadata", "postgresql://bert:sesame@127.0.0.1:1/mlmd")
    assert "Connection refused" in refused["got"]
    assert "sesame" not in str(refused)


def test_an_artifact_store_is_asked_and_nothing_is_written_to_it(tmp_path: Path) -> None:
    address = f"file://{tmp_path}/store"
    missing = doctor.artifact_store(address)
    assert f"{address} cannot be used: {tmp_path}/store does not exist" in missing["got"]
    assert missing["do"] == "correct what the message names"
    (tmp_path / "store").mkdir()
    assert doctor.artifact_store(address) == {"what": "artifact_store", "got": f"{address} answers", "do": ""}
    assert list((tmp_path / "store").iterdir()) == []

"""Promotions with the ledger or folder of another environment are refused; an older environment gets its id."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.tfx_modules.promotion.conftest import Site
from tests.tfx_modules.promotion.test_ledger import address
from tfx_modules.promotion import manifest
from tfx_modules.promotion.environment import MARKER, read_marker
from tfx_modules.promotion.exceptions import EnvironmentMismatchError, LedgerError
from tfx_modules.promotion.ledger import Ledger, open_ledger
from tfx_modules.promotion.promoter import settle
from tfx_modules.promotion.repository import ModelRepository

__all__ = ["address"]


def make_site(folder: Path, *days: int) -> Site:
    folder.mkdir()
    site = Site(
        folder, open_ledger(f"sqlite:///{folder}/ledger.db", "bert"), ModelRepository(folder / "models" / "bert")
    )
    for day in days:
        site.promote(site.candidate(day))
    return site


def id_of(ledger: Ledger) -> str:
    with ledger.exclusive() as held:
        return str(held.environment.id)


@pytest.fixture
def ours(tmp_path: Path) -> Site:
    return make_site(tmp_path / "a", 3, 4, 5)


@pytest.fixture
def mixed(tmp_path: Path, ours: Site) -> Site:
    """Our folders, with the ledger of another environment, which has promoted models of the same days."""
    return Site(ours.folder, make_site(tmp_path / "b", 3, 4, 5).ledger, ours.repository)


def test_the_first_promotion_gives_the_served_folder_the_ledgers_id(tmp_path: Path) -> None:
    site = make_site(tmp_path / "a")
    assert read_marker(site.repository.served) is None

    site.promote(site.candidate(5))

    assert read_marker(site.repository.served) == id_of(site.ledger)


def test_each_ledger_has_an_id_of_its_own_and_keeps_it(tmp_path: Path, address: str) -> None:
    first = id_of(open_ledger(address, "bert"))

    assert id_of(open_ledger(address, "bert")) == first
    assert id_of(open_ledger(f"sqlite:///{tmp_path}/another.db", "bert")) != first


@pytest.mark.parametrize(
    "act",
    [
        lambda site: site.promote(site.candidate(6)),
        lambda site: site.roll_back(),
        lambda site: settle(site.ledger, site.repository),
    ],
    ids=["promote", "roll back", "settle"],
)
def test_another_environments_ledger_changes_nothing(mixed: Site, act: Callable[[Site], object]) -> None:
    before = mixed.repository.served_versions(), mixed.ledger.events()
    theirs, ours = id_of(mixed.ledger), read_marker(mixed.repository.served)

    with pytest.raises(EnvironmentMismatchError) as caught:
        act(mixed)

    assert str(caught.value) == (
        f"the ledger at sqlite:///{mixed.folder.parent}/b/ledger.db has environment id {theirs}, and the folder "
        f"{mixed.repository.served} has {ours}; allowed: places of one environment. Nothing was changed. Correct "
        "[bert_service] ledger, metadata or state. Where they do belong together, as after a restore or a move, run "
        "`bert-service retention adopt` (in a checkout `scripts/bert retention adopt`)."
    )
    assert (mixed.repository.served_versions(), mixed.ledger.events()) == before
    assert list(mixed.repository.withdrawn.iterdir()) == []


def test_a_folder_of_before_gets_its_id_where_it_fits_the_ledger(ours: Site) -> None:
    (ours.repository.served / MARKER).unlink()

    ours.roll_back()

    assert read_marker(ours.repository.served) == id_of(ours.ledger)


def test_a_folder_of_before_that_the_ledger_does_not_know_is_refused(tmp_path: Path, ours: Site) -> None:
    (ours.repository.served / MARKER).unlink()
    mixed = Site(ours.folder, make_site(tmp_path / "b", 3, 5).ledger, ours.repository)

    with pytest.raises(EnvironmentMismatchError, match=r"has versions 2026110401, which the ledger does not know"):
        mixed.promote(mixed.candidate(6))
    assert read_marker(ours.repository.served) is None


def test_a_folder_of_before_with_an_empty_ledger_is_refused(tmp_path: Path, ours: Site) -> None:
    (ours.repository.served / MARKER).unlink()
    mixed = Site(ours.folder, make_site(tmp_path / "b").ledger, ours.repository)

    with pytest.raises(EnvironmentMismatchError, match=r"which the ledger does not know; it knows none\."):
        mixed.promote(mixed.candidate(6))


def test_a_folder_of_before_without_the_live_version_is_refused(ours: Site) -> None:
    (ours.repository.served / MARKER).unlink()
    shutil.rmtree(ours.repository.folder(2026110501))

    with pytest.raises(EnvironmentMismatchError, match=r"version 2026110501 is in service by the ledger, and has no"):
        ours.promote(ours.candidate(6))


def test_a_folder_of_before_with_another_model_of_the_live_number_is_refused(tmp_path: Path, ours: Site) -> None:
    (ours.repository.served / MARKER).unlink()
    theirs = make_site(tmp_path / "b", 3, 4)
    theirs.promote(theirs.candidate(5, content="theirs"))

    with pytest.raises(EnvironmentMismatchError, match=r"version 2026110501 is another model than the one that the"):
        Site(ours.folder, theirs.ledger, ours.repository).roll_back()


def test_a_folder_of_before_whose_live_version_has_lost_its_manifest_is_refused(ours: Site) -> None:
    (ours.repository.served / MARKER).unlink()
    (ours.repository.folder(2026110501) / manifest.PLACE).unlink()

    with pytest.raises(EnvironmentMismatchError, match=r"version 2026110501 has no manifest, which it was promoted"):
        ours.roll_back()


def test_a_damaged_id_is_told(ours: Site) -> None:
    (ours.repository.served / MARKER).write_text("nonsense")

    with pytest.raises(EnvironmentMismatchError, match=r"\.environment holds 'nonsense'; allowed: an environment id"):
        ours.roll_back()


def test_a_ledger_whose_id_was_deleted_is_told(address: str) -> None:
    ledger = open_ledger(address, "bert")
    engine = sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM environment"))

    with pytest.raises(LedgerError, match=r"has 0 environment ids; allowed: one\. Restore it from a backup"):
        id_of(ledger)

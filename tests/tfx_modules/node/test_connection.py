from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tfx_modules.exceptions import NodeError
from tfx_modules.node.connection import connection_config

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)


def test_an_sqlite_file_is_named_and_its_folder_made(tmp_path: Path) -> None:
    config = connection_config(f"sqlite:///{tmp_path}/metadata/mlmd.db")

    assert config.sqlite.filename_uri == f"{tmp_path}/metadata/mlmd.db"
    assert (tmp_path / "metadata").is_dir()


def test_an_sqlite_file_has_the_name_that_the_address_has(tmp_path: Path) -> None:
    config = connection_config(f"sqlite:///{tmp_path}/100%20/mlmd.db")

    assert config.sqlite.filename_uri == f"{tmp_path}/100%20/mlmd.db"


def test_a_postgresql_server_has_a_default_port_and_its_database_is_not_made() -> None:
    config = connection_config("postgresql://tfx@db.example/mlmd").postgresql

    assert (config.host, config.port, config.user, config.password) == ("db.example", "5432", "tfx", "")
    assert (config.dbname, config.skip_db_creation) == ("mlmd", True)


@given(user=TEXT, password=TEXT, database=TEXT)
@example(user="u%41", password="p%2540", database="100%20%")
def test_any_user_password_and_database_survive_the_address(user: str, password: str, database: str) -> None:
    encoded = [quote(text, safe="") for text in (user, password, database)]

    config = connection_config("postgresql://{}:{}@db:5433/{}".format(*encoded)).postgresql

    assert (config.user, config.password, config.dbname, config.port) == (user, password, database, "5433")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://user:secret@host/db", "has the scheme 'mysql'; allowed: sqlite:////absolute/path and postgresql://"),
        ("sqlite:///relative.db", "is of SQLite and has no absolute path"),
        ("sqlite://", "is of SQLite and has no absolute path"),
        ("postgresql://host/secret", "a postgresql address without a user, host or database"),
        ("postgresql://user:secret@host", "a postgresql address without a user, host or database"),
        ("postgresql://user:secret@host:port/db", "is no address of a database"),
        ("no address", "is no address of a database"),
    ],
)
def test_another_address_is_refused_without_repeating_it(address: str, message: str) -> None:
    with pytest.raises(NodeError, match=message) as raised:
        connection_config(address)
    assert "secret" not in str(raised.value)

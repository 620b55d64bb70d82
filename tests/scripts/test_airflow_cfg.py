"""airflow.cfg holds what differs from Airflow's defaults, each with a reason, and no secret."""

import configparser
import itertools
import re
from pathlib import Path

import pytest
from airflow.configuration import retrieve_configuration_description

TEXT = (Path(__file__).parents[2] / "airflow.cfg").read_text()
KNOWN = retrieve_configuration_description()


def airflow_keys() -> list[tuple[str, str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(TEXT)
    sections = [name for name in parser.sections() if name != "bert_service"]
    return [(section, key, value) for section in sections for key, value in parser[section].items()]


@pytest.mark.parametrize(("section", "key", "value"), airflow_keys())
def test_every_key_is_airflows_and_differs_from_its_default(section: str, key: str, value: str) -> None:
    assert key in KNOWN[section]["options"]
    assert value != str(KNOWN[section]["options"][key]["default"])


def test_every_key_has_a_reason() -> None:
    lines = TEXT.splitlines()
    pairs = itertools.pairwise(lines)
    unexplained = [line for before, line in pairs if re.match(r"\w+ = ", line) and not before.startswith("#")]

    assert unexplained == []


def test_no_secret_is_in_it() -> None:
    assert not {"jwt_secret", "fernet_key", "secret_key"} & {key for _, key, _ in airflow_keys()}

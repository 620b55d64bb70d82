"""The provider metadata that Airflow reads of an installed wheel."""

import json
from importlib import import_module
from pathlib import Path

import airflow
from airflow_bert_service.provider import get_provider_info
from airflow_bert_service.settings.settings import settings_from

OPTIONS = get_provider_info()["config"]["bert_service"]["options"]


def test_airflow_accepts_it() -> None:
    jsonschema = import_module("jsonschema")  # without types
    schema = json.loads((Path(airflow.__path__[0]) / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_every_key_is_documented_and_its_default_reads_as_if_it_were_left_out() -> None:
    assert all(option["description"] for option in OPTIONS.values())
    defaults = {key: option["default"].replace("%%", "%") for key, option in OPTIONS.items()}
    assert settings_from(defaults) == settings_from({})


def test_what_may_hold_a_password_is_hidden() -> None:
    assert {key for key, option in OPTIONS.items() if option.get("sensitive")} == {
        "ledger",
        "metadata",
        "notifications",
    }


def test_it_names_classes_that_exist() -> None:
    info = get_provider_info()
    named = [name.rpartition(".") for name in (*info["notifications"], *info["extra-links"])]
    assert all(isinstance(getattr(import_module(module), name), type) for module, _, name in named)

"""Settings files: read, completed with defaults, and refused with a reason."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tfx_modules.exceptions import SettingsError
from tfx_modules.pipeline.compile import SETTINGS
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.settings import (
    EncoderSettings,
    Engine,
    PipelineSettings,
    Severity,
    TrainingSettings,
    ValidationSettings,
    load_settings,
)

Load = Callable[[str], PipelineSettings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> PipelineSettings:
        path = tmp_path / "settings.toml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path)

    return write_and_load


def test_the_projects_own_settings() -> None:
    config = load_settings(SETTINGS)
    assert config.name == "bert_sentiment"
    written = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    buckets = tuple(written["training"]["length_buckets"])
    assert config.training == replace(TrainingSettings(), **written["training"] | {"length_buckets": buckets})
    assert config.gate == GateSettings(**written["gate"])
    assert config.validation == ValidationSettings(**written["validation"])
    assert config.serving_check.platform == "project"


def test_what_is_left_out_keeps_its_default(load: Load) -> None:
    assert load("") == PipelineSettings()
    assert load("[training]\nepochs = 7").training == replace(TrainingSettings(), epochs=7)


def test_the_table_of_the_airflow_side_changes_nothing(load: Load) -> None:
    assert load('name = "tickets"\n[bert_service]\nwindow_days = 3') == load('name = "tickets"')


def test_a_whole_number_may_stand_for_a_fraction(load: Load) -> None:
    floor = load("[gate]\naccuracy_floor = 1").gate.accuracy_floor
    assert type(floor) is float
    assert floor == 1.0


def test_lists_become_tuples(load: Load) -> None:
    assert load("[training]\nlength_buckets = [16, 32]").training.length_buckets == (16, 32)
    assert load("[training]\nlength_buckets = []").training.length_buckets == ()


def test_a_model_is_exported_for_openvino_unless_the_settings_name_no_engine(load: Load) -> None:
    assert load("").export.engines == (Engine.OPENVINO,)
    assert load("[export]\nengines = []").export.engines == ()


def test_a_configuration_survives_the_way_through_custom_config() -> None:
    encoder = EncoderSettings(max_tokens=99, source="preset:some", lower_case=False)
    assert build(EncoderSettings, encoder.to_config()) == encoder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nmae = 'x'",
            r"unknown key nmae; known: beam_pipeline_args, encoder, export, gate, name, .*Did you mean name\? Rename",
        ),
        ("[training]\nepoch = 1", r"unknown key training\.epoch; known: batch_size, .*epochs"),
        ("[training]\nepochs = 'two'", r"training\.epochs is 'two'; allowed: a whole number"),
        ("[training]\nepochs = 1.5", r"training\.epochs is 1\.5; allowed: a whole number"),
        ("[training]\nepochs = true", r"training\.epochs is True; allowed: a whole number"),
        ("[training]\nlearning_rate = '1e-4'", r"training\.learning_rate is '1e-4'; allowed: a number like 0\.05"),
        ("[training]\njit_compile = 1", r"training\.jit_compile is 1; allowed: true, false"),
        ('[export]\nengines = ["onnx"]', r"export\.engines is 'onnx'; allowed: openvino"),
        ('[export]\nengines = "openvino"', r"export\.engines is 'openvino'; allowed: a list"),
        ("[training]\nlength_buckets = 64", r"training\.length_buckets is 64; allowed: a list"),
        ("[training]\nlength_buckets = ['a']", r"training\.length_buckets is 'a'; allowed: a whole number"),
        ("training = 3", r"setting training is 3; allowed: a table\. Write \[training\]"),
    ],
)
def test_unknown_and_wrongly_typed_settings(load: Load, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[encoder]\nmax_tokens = 1", r"encoder\.max_tokens is 1; allowed: 2 to 512"),
        ("[encoder]\nmax_tokens = 513", r"encoder\.max_tokens is 513; allowed: 2 to 512"),
        ("[split]\neval_one_in = 1", r"split\.eval_one_in is 1; allowed: 2 or more"),
        ("[training]\nbatch_size = 0", r"training\.batch_size is 0; allowed: 1 or more"),
        ("[training]\nepochs = 0", r"training\.epochs is 0; allowed: 1 or more"),
        ("[training]\nlength_buckets = [64, 32]", r"length_buckets is \[64, 32\]; allowed: rising lengths of 2 to 128"),
        ("[training]\nlength_buckets = [64, 64]", r"length_buckets is \[64, 64\]; allowed: rising lengths"),
        ("[training]\nlength_buckets = [1]", r"length_buckets is \[1\]; allowed: rising lengths of 2"),
        ("[encoder]\nmax_tokens = 32", r"length_buckets is \[64\]; allowed: rising lengths of 2 to 32"),
        ("[gate]\naccuracy_floor = 1.1", r"gate\.accuracy_floor is 1\.1; allowed: 0 to 1"),
        ("[gate]\naccuracy_floor = nan", r"gate\.accuracy_floor is nan; allowed: 0 to 1"),
        ("[gate]\nslice_floor = -0.1", r"gate\.slice_floor is -0\.1; allowed: 0 to 1"),
        ("[gate]\nslice_minimum = 0", r"gate\.slice_minimum is 0; allowed: 1 or more"),
        ("[gate]\nlevel = 0", r"gate\.level is 0\.0; allowed: above 0 and below 1"),
        ("[gate]\nlevel = 1", r"gate\.level is 1\.0; allowed: above 0 and below 1"),
        ("[gate]\npromote = 'always'", r"gate\.promote is 'always'; allowed: not_worse, better"),
        ("[gate]\nmax_compared = -1", r"gate\.max_compared is -1; allowed: 0 or more"),
        ("[gate]\nmax_bytes = -1", r"gate\.max_bytes is -1; allowed: 0 or more"),
        ("[gate]\nmax_latency_ms = inf", r"gate\.max_latency_ms is inf; allowed: 0 or more"),
        (
            "[gate]\nworst_change = 0.1",
            r"unknown key gate\.worst_change; known: accuracy_floor, approval, ",
        ),
        (
            "gate.max_latency_ms = 25\nserving_check.platform = 'local_docker'",
            r"gate\.max_latency_ms is 25\.0; allowed: 0 with serving_check\.platform local_docker",
        ),
        ("[serving_check]\nplatform = 'k8s'", r"serving_check\.platform is 'k8s'; allowed: project, local_docker"),
    ],
)
def test_values_out_of_range(load: Load, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[validation.severity]\nLABEL_GONE = 'warn'",
            r"validation\.severity is 'LABEL_GONE'; allowed: .*FEATURE_TYPE_NOT_PRESENT, .*, SKEW, RARE_CLASS\.",
        ),
        (
            "[validation.severity]\nDRIFT = 'stop'",
            r"validation\.severity\.DRIFT is 'stop'; allowed: ignore, warn, block",
        ),
        ("[validation]\ndefault_severity = ''", r"validation\.default_severity is ''; allowed: ignore, warn, block"),
        ("[validation]\nseverity = 'warn'", r"validation\.severity is 'warn'; allowed: a table"),
        ("[validation]\nminimum_rows = 0", r"validation\.minimum_rows is 0; allowed: 1 or more"),
        ("[validation.drift]\nwords = 1.5", r"validation\.drift\.words is 1\.5; allowed: 0 to 1"),
        (
            "[validation.skew]\nsentence = 0.1",
            r"unknown key validation\.skew\.sentence; known: characters, .*words",
        ),
    ],
)
def test_wrong_settings_of_the_gate_on_data(load: Load, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(text)


@pytest.mark.parametrize(
    ("text", "kind", "severity"),
    [
        ("", "FEATURE_TYPE_NOT_PRESENT", Severity.BLOCK),
        ("default_severity = 'warn'", "FEATURE_TYPE_NOT_PRESENT", Severity.WARN),
        ("severity.FEATURE_TYPE_NOT_PRESENT = 'ignore'", "FEATURE_TYPE_NOT_PRESENT", Severity.IGNORE),
        ("severity.FEATURE_TYPE_NOT_PRESENT = 'ignore'", "DRIFT", Severity.BLOCK),
        ("severity.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH = 'warn'", "DRIFT", Severity.WARN),
        ("severity = {COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH = 'warn', SKEW = 'ignore'}", "SKEW", Severity.IGNORE),
    ],
)
def test_the_most_specific_severity_counts(load: Load, text: str, kind: str, severity: Severity) -> None:
    assert load(f"[validation]\n{text}").validation.severity_of(kind) is severity


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"nowhere\.toml cannot be read \(No such file or directory\); name an existing"
    ):
        load_settings(tmp_path / "nowhere.toml")


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b'name = "caf\xe9"\n')
    with pytest.raises(SettingsError, match=r"settings\.toml is not UTF-8: .*Save it as UTF-8"):
        load_settings(tmp_path / "settings.toml")


def test_broken_toml(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"settings\.toml is no TOML: .*line 2.*Mend that line"):
        load("[training]\nepochs = = 2")

"""The command line is tensorflow_model_server's."""

from pathlib import Path

import pytest

from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.flags.foreign_flags import FOREIGN_FLAGS
from tfx_modules.serving.flags.server_flags import SERVER_FLAGS, ServerFlags, parse_flags


def test_only_the_base_path_has_to_be_given() -> None:
    settings = parse_flags(["--model_base_path=/models/reviews"])
    assert settings == ServerFlags(
        model_name="default",
        model_base_path=Path("/models/reviews"),
        host="127.0.0.1",
        port=8500,
        rest_api_port=8501,
        file_system_poll_wait_seconds=1.0,
    )


def test_a_value_may_follow_an_equals_sign_or_a_space() -> None:
    with_equals = parse_flags(["--model_base_path=/m", "--port=1", "--rest_api_port=2", "--model_name=reviews"])
    with_space = parse_flags(
        ["--model_base_path", "/m", "--port", "1", "--rest_api_port", "2", "--model_name", "reviews"]
    )
    assert with_equals == with_space


def test_a_config_file_stands_in_for_name_and_base_path() -> None:
    settings = parse_flags(
        [
            "--model_config_file=/etc/models.config",
            "--model_config_file_poll_wait_seconds=2",
            "--allow_version_labels_for_unavailable_models",
        ]
    )
    assert (settings.model_config_file, settings.model_base_path) == (Path("/etc/models.config"), None)
    assert settings.model_config_file_poll_wait_seconds == 2
    assert settings.allow_version_labels_for_unavailable_models


def test_a_flag_that_nobody_has_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        FlagError, match=r"not supported: --enable_profile=true x; supported flags: .*--file_system_poll_"
    ):
        parse_flags(["--enable_profile=true", "x"])


MODEL = ["--model_name=films", "--model_base_path=/models/films"]


@pytest.mark.parametrize(
    "flags",
    [
        ["--num_load_threads=4", "--flush_filesystem_caches=false"],
        ["--rest_api_num_threads", "16", "--grpc_max_threads", "8"],
        ["--enable_signature_method_name_check", "--saved_model_tags=serve"],
        ["--per_process_gpu_memory_fraction=0.0", "--use_alts_credentials=false"],
    ],
)
def test_flags_of_tensorflow_serving_that_change_nothing_are_taken_and_told(
    flags: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert parse_flags([*MODEL, *flags]) == parse_flags(MODEL)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all("is TensorFlow Serving's and does nothing here; " in line for line in told)


@pytest.mark.parametrize(
    ("flag", "instead"),
    [
        ("--enable_profiler", "leave it out: there is no profiler service"),
        ("--use_alts_credentials=true", "use --ssl_config_file for TLS"),
        ("--per_process_gpu_memory_fraction=0.5", "TF_FORCE_GPU_ALLOW_GROWTH=true"),
        ("--tensorflow_session_parallelism=4", "use --tensorflow_intra_op_parallelism and"),
        ("--grpc_socket_path=/run/s", "use --host and --port"),
    ],
)
def test_flags_of_tensorflow_serving_that_would_change_something_are_refused_with_what_to_do(
    flag: str, instead: str
) -> None:
    with pytest.raises(FlagError, match=f"{flag} is TensorFlow Serving's, and not supported here; .*{instead}"):
        parse_flags([*MODEL, flag])


def test_no_flag_of_tensorflow_serving_is_both_had_and_missing() -> None:
    had = {name.removeprefix("--") for name in SERVER_FLAGS}
    assert not had & FOREIGN_FLAGS.keys()


def test_the_docs_name_every_flag_of_tensorflow_serving_that_is_missing() -> None:
    page = (Path(__file__).parents[4] / "docs" / "reference" / "model-server.md").read_text(encoding="utf-8")
    assert [name for name in FOREIGN_FLAGS if f"`--{name}" not in page and name != "version"] == []


def test_cors_has_tensorflow_servings_name_too() -> None:
    flags = parse_flags([*MODEL, "--rest_api_enable_cors_support=true"])
    assert flags.operations.security.enable_cors_support


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--model_base_path is missing; give the folder"),
        ([], "or several models with --model_config_file"),
        (["--model_base_path=/m", "--model_config_file_poll_wait_seconds=1"], "without --model_config_file; give both"),
        (["--model_config_file=/c", "--model_config_file_poll_wait_seconds=-1"], "is negative; give seconds, or 0"),
        (["--model_base_path=/m", "--port=70000"], "--port=70000 is not a port; give 0"),
        (["--model_base_path=/m", "--port=many"], "invalid int value: 'many'"),
        (["--model_base_path=/m", "--port=9", "--rest_api_port=9"], "both 9; give each its own"),
        (["--model_base_path=/m", "--file_system_poll_wait_seconds=-1"], "is negative; give seconds"),
        (["--model_base_path=/m", "--model_name=a/b"], "cannot be part of a URL"),
        (["--model_base_path=/m", "--stop_when_stdin_closes=maybe"], "neither true nor false"),
        (["--model_base_path=/m", "--engine=onnx"], "'onnx' is not one of auto, tensorflow, openvino"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(arguments: list[str], message: str) -> None:
    with pytest.raises(FlagError, match=message):
        parse_flags(arguments)


@pytest.mark.parametrize("engine", EngineChoice)
def test_the_engine_is_chosen_by_its_name(engine: EngineChoice) -> None:
    assert parse_flags([*MODEL, f"--engine={engine.value}"]).engine is engine


def test_without_the_flag_the_engine_is_the_one_that_is_faster() -> None:
    assert parse_flags(MODEL).engine is EngineChoice.AUTO

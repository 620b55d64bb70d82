"""The command line is tensorflow_model_server's."""

from pathlib import Path

import pytest

from tfx_modules.serving.exceptions import FlagError
from tfx_modules.serving.flags.server_flags import ServerFlags, parse_flags


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


def test_a_flag_that_is_not_supported_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        FlagError, match=r"not supported: --enable_profiler=true; supported flags: .*--file_system_poll_"
    ):
        parse_flags(["--enable_profiler=true"])


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
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(arguments: list[str], message: str) -> None:
    with pytest.raises(FlagError, match=message):
        parse_flags(arguments)

import logging
from typing import Any

import pytest
import tensorflow as tf

from tfx_modules.exceptions import NodeError
from tfx_modules.node.gpu_check import preflight
from tfx_modules.node.request import GpuUse

CARD = tf.config.PhysicalDevice(name="/physical_device:GPU:0", device_type="GPU")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO, "tfx_modules.node.gpu_check")
    return caplog


def machine_with(monkeypatch: pytest.MonkeyPatch, *gpus: tf.config.PhysicalDevice) -> None:
    """What TensorFlow finds on a machine: the driver is the border here."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: list(gpus))
    details = {"device_name": "NVIDIA A100-SXM4-40GB"}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _gpu: details)


def test_with_a_gpu_the_log_has_its_name(monkeypatch: pytest.MonkeyPatch, lines: Any) -> None:
    machine_with(monkeypatch, CARD)
    preflight("Trainer", GpuUse.REQUIRED)
    assert lines.messages == ["Trainer: TensorFlow sees NVIDIA A100-SXM4-40GB (GPU:0)"]


def test_without_one_a_node_that_only_wants_it_runs_on_the_cpu_and_says_so(
    monkeypatch: pytest.MonkeyPatch, lines: Any
) -> None:
    machine_with(monkeypatch)
    preflight("Trainer", GpuUse.WANTED)
    assert lines.messages == ["Trainer: TensorFlow sees no GPU; it runs on the CPU"]


def test_without_one_a_node_that_needs_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch)
    with pytest.raises(NodeError, match=r"^Trainer: TensorFlow sees no GPU, and .* require_gpu is true; allowed: one"):
        preflight("Trainer", GpuUse.REQUIRED)


def test_other_nodes_are_not_held_up(monkeypatch: pytest.MonkeyPatch, lines: Any) -> None:
    machine_with(monkeypatch)
    preflight("SchemaGen", GpuUse.NONE)
    assert lines.messages == []

"""Tuner that searches when the run asks for it, and otherwise passes on the hyperparameters of the last search."""

import json
from typing import Any, ClassVar

from tfx import types
from tfx.components.tuner import component, executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import io_utils, json_utils

from tfx_modules.common.working_folder import WORKING_DIR, working_folder
from tfx_modules.exceptions import SettingsError

TUNE = "tune"
PREVIOUS = "previous"
CHOICES = ("no", "yes")
TUNED = "tuned"
"""Custom property of hyperparameters: 1 where a search has found them."""
CURVES_DIR = "curves_dir"
"""Key of ``custom_config``: the folder for the trials' curves, which TensorBoard shows."""
CURVES = "trials"
"""Its name, beside the results."""
_BEST = standard_component_specs.BEST_HYPERPARAMETERS_KEY
_RESULTS = standard_component_specs.TUNER_RESULTS_KEY
_CUSTOM_CONFIG = standard_component_specs.CUSTOM_CONFIG_KEY


class Executor(executor.Executor):  # type: ignore[misc]
    """Searches if ``tune`` is ``yes``, else passes on the previous best values; without any, the settings' own hold."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the best hyperparameters.

        Raises:
            SettingsError: ``tune`` is neither ``yes`` nor ``no``.
        """
        wanted = exec_properties[TUNE]
        if wanted not in CHOICES:
            raise SettingsError(
                f"parameter {TUNE} is {wanted!r}; allowed: {', '.join(CHOICES)}. Correct the run's parameters."
            )
        if wanted == "yes":
            with working_folder(self._context) as folder:
                super().Do(input_dict, output_dict, _with_folders(exec_properties, output_dict, folder))
            output_dict[_BEST][0].set_int_custom_property(TUNED, 1)
            return
        best = _read(input_dict[PREVIOUS][0]) if input_dict.get(PREVIOUS) else {"space": [], "values": {}}
        _write(output_dict, _BEST, "best_hyperparameters.txt", best)
        _write(output_dict, _RESULTS, "tuner_results.json", [])


def _with_folders(
    exec_properties: dict[str, Any], output_dict: dict[str, list[types.Artifact]], working: str
) -> dict[str, Any]:
    """Add the folders to ``custom_config``: TFX has no other way to tell ``tuner_fn`` of them."""
    given = json.loads(exec_properties[_CUSTOM_CONFIG])
    curves = f"{artifact_utils.get_single_uri(output_dict[_RESULTS])}/{CURVES}"
    return {**exec_properties, _CUSTOM_CONFIG: json.dumps({**given, CURVES_DIR: curves, WORKING_DIR: working})}


def _read(artifact: types.Artifact) -> Any:
    return json.loads(io_utils.read_string_file(io_utils.get_only_uri_in_dir(artifact.uri)))


def _write(output_dict: dict[str, list[types.Artifact]], key: str, name: str, content: Any) -> None:
    folder = artifact_utils.get_single_uri(output_dict[key])
    io_utils.write_string_file(f"{folder}/{name}", json.dumps(content))


class TunerSpec(standard_component_specs.TunerSpec):  # type: ignore[misc]
    """TFX's, with the run's choice and the previous values."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **standard_component_specs.TunerSpec.PARAMETERS,
        TUNE: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        **standard_component_specs.TunerSpec.INPUTS,
        PREVIOUS: component_spec.ChannelParameter(type=standard_artifacts.HyperParameters, optional=True),
    }


class Tuner(component.Tuner):  # type: ignore[misc]
    """TFX's Tuner with an input ``previous`` and a parameter ``tune``. Not for distributed search (``tune_args``)."""

    SPEC_CLASS = TunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        previous: types.BaseChannel,
        tune: data_types.RuntimeParameter,
        tuner_fn: str,
        custom_config: dict[str, Any],
    ) -> None:
        """See TFX's Tuner; ``tune`` is ``yes`` or ``no``."""
        spec = TunerSpec(
            examples=examples,
            transform_graph=transform_graph,
            previous=previous,
            tune=tune,
            tuner_fn=tuner_fn,
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
            best_hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
            tuner_results=types.Channel(type=standard_artifacts.TunerResults),
            custom_config=json_utils.dumps(custom_config),
        )
        # TFX's own constructor makes its spec itself and takes no other.
        base_component.BaseComponent.__init__(self, spec=spec)

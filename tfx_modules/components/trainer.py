"""Trainer that passes the run's holdout, and a folder for checkpoints, on to ``run_fn``."""

import json
from typing import Any, ClassVar

from tfx import types
from tfx.components.trainer import component, executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import trainer_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from tfx_modules.common.working_folder import WORKING_DIR, working_folder

HOLDOUT = "holdout"
_CUSTOM_CONFIG = standard_component_specs.CUSTOM_CONFIG_KEY


class Executor(executor.GenericExecutor):  # type: ignore[misc]
    """Adds holdout and working folder to ``custom_config``: TFX has no other way to pass them to ``run_fn``.

    The working folder belongs to the execution: where its process was killed, the next try finds it as it was.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Train, as TFX's executor does."""
        with working_folder(self._context) as folder:
            given = json.loads(exec_properties[_CUSTOM_CONFIG])
            custom_config = json.dumps({**given, HOLDOUT: exec_properties[HOLDOUT], WORKING_DIR: folder})
            super().Do(input_dict, output_dict, {**exec_properties, _CUSTOM_CONFIG: custom_config})


class TrainerSpec(standard_component_specs.TrainerSpec):  # type: ignore[misc]
    """TFX's, with the run's holdout."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **standard_component_specs.TrainerSpec.PARAMETERS,
        HOLDOUT: component_spec.ExecutionParameter(type=str),
    }


class Trainer(component.Trainer):  # type: ignore[misc]
    """TFX's Trainer with a parameter ``holdout``. Not for warm starts (``base_model``)."""

    SPEC_CLASS = TrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        hyperparameters: types.BaseChannel,
        run_fn: str,
        train_args: RuntimeParameter,
        holdout: RuntimeParameter,
        custom_config: dict[str, Any],
    ) -> None:
        """See TFX's Trainer; ``holdout`` has the form that ``holdout.parse`` reads."""
        spec = TrainerSpec(
            examples=examples,
            transform_graph=transform_graph,
            hyperparameters=hyperparameters,
            run_fn=run_fn,
            train_args=train_args,
            eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
            holdout=holdout,
            custom_config=json.dumps(custom_config),
            model=types.Channel(type=standard_artifacts.Model),
            model_run=types.Channel(type=standard_artifacts.ModelRun),
        )
        base_component.BaseComponent.__init__(self, spec)

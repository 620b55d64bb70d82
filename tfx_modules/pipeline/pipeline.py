"""Declares the pipeline: its components, and the channels between them."""

from dataclasses import asdict, dataclass
from typing import Any

from tfx import types
from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import example_gen_pb2, infra_validator_pb2

from tfx_modules.components.approval import Approval
from tfx_modules.components.earlier_runs.searched_for import searched_for
from tfx_modules.components.example_gen import CsvExampleGen
from tfx_modules.components.example_validator import ExampleValidator
from tfx_modules.components.pusher import Pusher
from tfx_modules.components.schema_gen import SchemaGen
from tfx_modules.components.statistics_gen import StatisticsGen
from tfx_modules.components.trainer import Trainer
from tfx_modules.components.tuner import Tuner
from tfx_modules.evaluation import eval_config
from tfx_modules.model import ends
from tfx_modules.pipeline import runtime_parameters
from tfx_modules.pipeline.parts import ON_AIRFLOW, EarlierRuns, Parts, Results
from tfx_modules.settings.gate import ApprovalRule
from tfx_modules.settings.settings import PipelineSettings, ServingCheckSettings, SplitSettings
from tfx_modules.settings.task import to_config

SPAN_PATTERN = "{YYYY}-{MM}-{DD}/v{VERSION}/reviews.csv"
_PREPROCESSING_FN = "tfx_modules.model.preprocessing.preprocessing_fn"
_RUN_FN = "tfx_modules.model.training.run_fn"
_TUNER_FN = "tfx_modules.model.tuning.tuner_fn"
_EVALUATOR_MODULE = "tfx_modules.evaluation.evaluation_progress"
_CHECK_TRIES = 2


def create_pipeline(settings: PipelineSettings, parts: Parts = ON_AIRFLOW) -> tfx.dsl.Pipeline:
    """Make the pipeline; the values that vary from run to run are runtime parameters (``runtime_parameters``).

    Args:
        settings: the pipeline's.
        parts: those that differ with the system that runs the pipeline.

    Returns:
        A pipeline without root, metadata connection or dates, which the node command adds.
    """
    earlier = parts.earlier_runs(settings.task, settings.encoder)
    data = _data_components(settings, earlier)
    model = _model_components(settings, data, earlier, parts)
    return tfx.dsl.Pipeline(
        pipeline_name=settings.name,
        components=[*earlier.nodes, *data.nodes(), *model],
        enable_cache=True,
        beam_pipeline_args=list(settings.beam_pipeline_args),
    )


@dataclass(frozen=True)
class _Data:
    """The components up to the transformed examples."""

    examples: CsvExampleGen
    statistics: StatisticsGen
    schema: SchemaGen
    validator: ExampleValidator
    transform: tfx.components.Transform

    def nodes(self) -> list[BaseNode]:
        return [self.examples, self.statistics, self.schema, self.validator, self.transform]


def _data_components(settings: PipelineSettings, earlier: EarlierRuns) -> _Data:
    examples = CsvExampleGen(
        input_base=runtime_parameters.input_base(),
        input_config=example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="days", pattern=SPAN_PATTERN)]),
        output_config=_dealt(settings.split),
        range_config=runtime_parameters.range_config(),
        span_versions=runtime_parameters.span_versions(),
        holdout=runtime_parameters.holdout(),
        encoder=settings.encoder,
        task=settings.task,
    )
    statistics = StatisticsGen(examples=examples.outputs["examples"], task=settings.task)
    # Without a fixed shape, Transform gets sparse tensors and can fill what is missing.
    schema = SchemaGen(statistics=statistics.outputs["statistics"], infer_feature_shape=False, task=settings.task)
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        champion_statistics=earlier.statistics,
        settings=settings.validation,
    )
    transform = tfx.components.Transform(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn=_PREPROCESSING_FN,
        # StatisticsGen describes the same examples, nothing reads the statistics of token ids, and no function here
        # analyses the data, so there is nothing to keep for later runs.
        disable_statistics=True,
        disable_analyzer_cache=True,
        # Only of a multilabel task has a label another form in the graph.
        custom_config={
            "encoder": settings.encoder.to_config(),
            **(to_config(task) if (task := settings.task).has_sets else {}),
        },
    )
    return _Data(examples, statistics, schema, validator, transform)


def _dealt(settings: SplitSettings) -> example_gen_pb2.Output:
    split = example_gen_pb2.SplitConfig.Split
    # The eval split is the last bucket: only so is that of a multiple of the buckets a part of it.
    splits = [split(name="train", hash_buckets=settings.eval_one_in - 1), split(name="eval", hash_buckets=1)]
    return example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits))


def _model_components(settings: PipelineSettings, data: _Data, earlier: EarlierRuns, parts: Parts) -> list[BaseNode]:
    tuner = _tuner(settings, data, earlier.hyperparameters)
    trainer = _trainer(settings, data, tuner.outputs["best_hyperparameters"])
    data_gate = parts.data_gate(data.validator)
    for costly in (tuner, trainer):
        costly.add_upstream_node(data_gate)
    evaluator = tfx.components.Evaluator(
        examples=data.examples.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=earlier.model,
        eval_config=eval_config.eval_config(settings.gate, settings.task),
        module_path=_EVALUATOR_MODULE,
    )
    infra_validator = _infra_validator(settings.serving_check, trainer, data, parts)
    infra_validator.add_upstream_node(evaluator)
    pushing: dict[str, Any] = {
        "model": trainer.outputs["model"],
        "examples": data.examples.outputs["examples"],
        "evaluation": evaluator.outputs["evaluation"],
        "model_blessing": evaluator.outputs["blessing"],
        "infra_blessing": infra_validator.outputs["blessing"],
        "push_destination": runtime_parameters.push_destination(),
        "promotion": runtime_parameters.promotion(),
        "holdout": runtime_parameters.holdout(),
        "gate": settings.gate,
        "task": settings.task,
    }
    gates = [] if data_gate is data.validator else [data_gate]
    pushers = _pushing(settings, pushing)
    results = Results(
        statistics=data.statistics.outputs["statistics"],
        hyperparameters=tuner.outputs["best_hyperparameters"],
        pushed_model=pushers[-1].outputs["pushed_model"],
        searched_for=searched_for(settings.encoder.to_config(), settings.task),
    )
    return [*gates, tuner, trainer, evaluator, infra_validator, *pushers, *parts.keeping(results)]


def _pushing(settings: PipelineSettings, arguments: dict[str, Any]) -> list[BaseNode]:
    """Return Pusher, and before it, where a person has to approve candidates, what judges them for that person."""
    pusher = Pusher(**arguments)
    if settings.gate.approval is not ApprovalRule.REQUIRED:
        return [pusher]
    approval = Approval(**arguments)
    pusher.add_upstream_node(approval)
    return [approval, pusher]


def _tuner(settings: PipelineSettings, data: _Data, previous: types.BaseChannel) -> Tuner:
    return Tuner(
        examples=data.transform.outputs["transformed_examples"],
        transform_graph=data.transform.outputs["transform_graph"],
        previous=previous,
        tune=runtime_parameters.tune(),
        tuner_fn=_TUNER_FN,
        custom_config={
            "encoder": settings.encoder.to_config(),
            # Trials have steps, no epochs; a setting that changes nothing must not search anew.
            "training": {name: value for name, value in settings.training.to_config().items() if name != "epochs"},
            "tuning": asdict(settings.tuning),
            **to_config(settings.task),
        },
    )


def _trainer(settings: PipelineSettings, data: _Data, hyperparameters: types.BaseChannel) -> Trainer:
    return Trainer(
        examples=data.transform.outputs["transformed_examples"],
        transform_graph=data.transform.outputs["transform_graph"],
        hyperparameters=hyperparameters,
        run_fn=_RUN_FN,
        train_args=runtime_parameters.train_args(),
        holdout=runtime_parameters.holdout(),
        custom_config={
            "encoder": settings.encoder.to_config(),
            "training": settings.training.to_config(),
            "export": settings.export.to_config(),
            **to_config(settings.task),
        },
    )


def _infra_validator(check: ServingCheckSettings, trainer: Trainer, data: _Data, parts: Parts) -> BaseNode:
    """Return the check of this platform; the stock component is TFX's own."""
    image, _, tag = check.image.rpartition(":")
    return parts.infra_validators[check.platform](
        model=trainer.outputs["model"],
        examples=data.examples.outputs["examples"],
        serving_spec=infra_validator_pb2.ServingSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServing(image_name=image, tags=[tag]),
            local_docker=infra_validator_pb2.LocalDockerConfig(),
        ),
        validation_spec=infra_validator_pb2.ValidationSpec(
            max_loading_time_seconds=check.timeout_seconds, num_tries=_CHECK_TRIES
        ),
        request_spec=infra_validator_pb2.RequestSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServingRequestSpec(signature_names=[ends.EXAMPLES]),
            num_examples=check.requests,
            split_name="eval",
        ),
    )

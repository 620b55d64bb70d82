"""ExampleValidator that also checks drift and skew, applies the settings' severities, and writes an HTML report.

TFX's own knows two results: anomalies, whatever their kind, and none.
"""

import json
import logging
from dataclasses import asdict
from typing import Any, ClassVar

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator import component, executor
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_component, executor_spec
from tfx.dsl.io import fileio
from tfx.proto.orchestration import execution_result_pb2
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import io_utils, json_utils

from tfx_modules.components.statistics_gen import read_days
from tfx_modules.components.window import day_of
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.settings import ValidationSettings
from tfx_modules.validation import anomalies, comparison, profile, verdict
from tfx_modules.validation.report import page

CHAMPION = "champion_statistics"
VALIDATION = "validation"
BLOCKED = "blocked_by_gate"
"""Custom property of the anomalies: 1 where the run has to stop, else 0."""
REASON = "reason"
"""Custom property of the anomalies: one line, empty where there is nothing to say."""
DISTANCES = "distances"
"""Custom property of the anomalies: JSON, by kind (``drift``, ``skew``) and feature ``value`` and ``limit``."""
_ANOMALIES = standard_component_specs.ANOMALIES_KEY
_STATISTICS = standard_component_specs.STATISTICS_KEY

_logger = logging.getLogger(__name__)


class Executor(executor.Executor):  # type: ignore[misc]
    """Compares with the schema, as TFX does, with the day before and with the champion's data; decides the verdict."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> execution_result_pb2.ExecutorOutput:
        """Write TFX's ``SchemaDiff.pb`` of each split, the report, and the verdict as properties of the artifact."""
        output = super().Do(input_dict, output_dict, exec_properties)
        settings = build(ValidationSettings, json.loads(exec_properties[VALIDATION]))
        statistics = artifact_utils.get_single_instance(input_dict[_STATISTICS])
        made = artifact_utils.get_single_instance(output_dict[_ANOMALIES])
        report = judge(statistics, _splits(made, statistics), _champion(input_dict.get(CHAMPION) or []), settings)
        of_pipeline = self._context.pipeline_info  # InteractiveContext gives none, and names the pipeline here
        pipeline = of_pipeline.id if of_pipeline else made.pipeline_name
        io_utils.write_string_file(f"{made.uri}/{page.FILE}", page.render(report, pipeline))
        for finding in report.verdict.findings:
            _logger.info("%s: %s", finding.severity.value, finding.anomaly.text)
        made.set_int_custom_property(BLOCKED, int(report.verdict.is_blocked))
        made.set_string_custom_property(REASON, report.verdict.reason)
        made.set_string_custom_property(DISTANCES, comparison.to_json(report.comparisons))
        # TFX has put a copy of the artifact there before.
        output.output_artifacts[_ANOMALIES].artifacts[0].CopyFrom(made.mlmd_artifact)
        return output


def judge(
    statistics: types.Artifact, splits: list[anomalies.Split], champion: page.ChampionData, settings: ValidationSettings
) -> page.Report:
    """Make the report.

    Args:
        statistics: of the window; its span is the data date.
        splits: what TFX has found.
        champion: the data of the model in service, where there is one.
        settings: severities and distances.
    """
    data_date, days = day_of(statistics.span).isoformat(), read_days(statistics)
    found = anomalies.read(splits)
    if data_date not in days:
        found.append(verdict.Anomaly(verdict.NO_DATA, "", f"no reviews of {data_date}, the newest day of the window"))
    found += verdict.rare_classes(profile.add(days.values()), settings)
    made = [comparison.drift(days, data_date, settings), comparison.skew(days, champion.days, settings)]
    comparisons = [item for item in made if item]
    return page.Report(data_date, days, champion, comparisons, verdict.judge(found, comparisons, settings))


def _champion(found: list[types.Artifact]) -> page.ChampionData:
    if not found:
        return page.ChampionData({}, "none yet; skew was not checked")
    if not fileio.exists(f"{found[0].uri}/{profile.FILE}"):
        return page.ChampionData({}, "its statistics have no counts of days; skew was not checked")
    return page.ChampionData(read_days(found[0]))


def _splits(made: types.Artifact, statistics: types.Artifact) -> list[anomalies.Split]:
    return [_split(made, statistics, name) for name in artifact_utils.decode_split_names(made.split_names)]


def _split(made: types.Artifact, statistics: types.Artifact, name: str) -> anomalies.Split:
    path = f"{artifact_utils.get_split_uri([made], name)}/{executor.DEFAULT_FILE_NAME}"
    with fileio.open(path, "rb") as file:
        found = anomalies_pb2.Anomalies.FromString(file.read())
    return anomalies.Split(name, found, stats_artifact_utils.load_statistics(statistics, name).proto())


class ExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):  # type: ignore[misc]
    """TFX's, with the champion's statistics and the settings."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **standard_component_specs.ExampleValidatorSpec.PARAMETERS,
        VALIDATION: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        **standard_component_specs.ExampleValidatorSpec.INPUTS,
        CHAMPION: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }


class ExampleValidator(component.ExampleValidator):  # type: ignore[misc]
    """TFX's ExampleValidator with an input ``champion_statistics`` and settings. Not for SQL validations.

    Its statistics have to be those of this project's StatisticsGen, which counts days.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        champion_statistics: types.BaseChannel,
        settings: ValidationSettings,
    ) -> None:
        """See TFX's ExampleValidator; ``champion_statistics`` may turn out to be empty."""
        spec = ExampleValidatorSpec(
            statistics=statistics,
            schema=schema,
            champion_statistics=champion_statistics,
            validation=json.dumps(asdict(settings), sort_keys=True),
            exclude_splits=json_utils.dumps([]),
            anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
        )
        # TFX's own constructor makes its spec itself and takes no other.
        base_component.BaseComponent.__init__(self, spec=spec)

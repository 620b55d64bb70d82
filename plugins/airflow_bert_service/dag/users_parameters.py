"""Makes parameters of runs of the runtime parameters of a user's own pipeline."""

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Param

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipeline.plan import ParameterPlan, ParameterType, PipelinePlan

_TYPES: Mapping[ParameterType, str] = {
    ParameterType.STRING: "string",
    ParameterType.INT: "integer",
    ParameterType.DOUBLE: "number",
}
"""JSON schema's names."""
_WORDS: Mapping[ParameterType, str] = {
    ParameterType.STRING: "text",
    ParameterType.INT: "whole number",
    ParameterType.DOUBLE: "number",
}


def run_parameters_of(plan: PipelinePlan, without: Iterable[str]) -> dict[str, Param]:
    """Return a parameter of runs, with type and default, for each runtime parameter of a user's pipeline.

    Args:
        plan: The compiled pipeline; one of this project's own has none.
        without: Names of runtime parameters that have a template already.

    Raises:
        SettingsError: Two nodes declare a parameter differently, so that there is no one field for it.
    """
    found: dict[str, ParameterPlan] = {}
    for node in plan.nodes if plan.code else ():
        for parameter in node.parameters:
            if found.setdefault(parameter.name, parameter) != parameter:
                raise SettingsError(
                    f"nodes of the pipeline {plan.id!r} declare the runtime parameter {parameter.name} in different "
                    f"ways: {_described(found[parameter.name])}, and {_described(parameter)}; allowed: one type and "
                    "one default. Use one RuntimeParameter for all of them."
                )
    left_out = set(without)
    return {name: _param(parameter, plan) for name, parameter in found.items() if name not in left_out}


def template_of(name: str) -> str:
    """Return the template that hands a parameter of the run to nodes."""
    return f"{{{{ params[{name!r}] }}}}"


def _param(parameter: ParameterPlan, plan: PipelinePlan) -> Param:
    default: dict[str, Any] = {"default": parameter.default} if parameter.has_default else {}
    using = ", ".join(node.id for node in plan.nodes if parameter.name in {one.name for one in node.parameters})
    return Param(
        **default,
        type=_TYPES[parameter.type],
        title=parameter.name,
        description=f"A runtime parameter of the TFX pipeline, for {using}: a {_WORDS[parameter.type]}.",
    )


def _described(parameter: ParameterPlan) -> str:
    default = f"with the default {parameter.default!r}" if parameter.has_default else "without a default"
    return f"{parameter.type.value} {default}"

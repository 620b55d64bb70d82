"""`python -m tfx_modules.kubeflow.compile --output FILE --image IMAGE --claim CLAIM`: compile for Kubeflow Pipelines.

The spec is YAML, as Kubeflow Pipelines' own SDK writes it: the same bytes for the same settings, code and options.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfx_modules.exceptions import PipelineError, SettingsError
from tfx_modules.kubeflow.kfp_library import require_kfp
from tfx_modules.kubeflow.options import Cluster, Containers, add_arguments, cluster_of

if TYPE_CHECKING:
    from tfx_modules.kubeflow.spec import Document, Spec, Versions
    from tfx_modules.settings.settings import PipelineSettings

SETTINGS = Path(__file__).parents[1] / "settings.toml"
_SUFFIX = ".yaml"
_DIGITS = 16
"""As of the version of a pipeline on Airflow."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


def main(arguments: Sequence[str]) -> int:
    """Compile; return the exit code."""
    parser = argparse.ArgumentParser(
        prog=os.environ.get("BERT_SERVICE_PROGRAM") or "python -m tfx_modules.kubeflow.compile",
        description="Compile the pipeline to a spec for Kubeflow Pipelines (version 2), which its UI, its API and kfp "
        "take.",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.yaml", help="the spec; an existing file is replaced"
    )
    add_arguments(parser)
    parser.add_argument(
        "--settings",
        type=Path,
        default=SETTINGS,
        help="TOML file with the pipeline's settings (default: the project's)",
    )
    parser.add_argument("--kfp", type=Path, metavar="FOLDER", help="the environment that has kfp, for Python 3.11")
    flags = parser.parse_args(arguments)
    logging.getLogger().setLevel(logging.WARNING)
    try:
        _check_name(flags.output)
        require_kfp(flags.kfp)
        _write(flags.output, compile_for_kubeflow(flags.settings, cluster_of(flags)))
    except PipelineError as error:
        print(f"The pipeline cannot be compiled: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{flags.output} cannot be written: {error}. Correct this, and compile again.", file=sys.stderr)
        return 1
    print(f"Compiled the pipeline for Kubeflow Pipelines into {flags.output}.")
    return 0


def compile_for_kubeflow(settings: Path, cluster: Cluster) -> "Spec":
    """Compile the pipeline of a settings file; ``kfp`` has to be importable.

    Raises:
        SettingsError: the settings cannot be used, or an option does not fit the pipeline.
        EncoderError: the encoder cannot be used.
        UnsupportedPipelineError: the pipeline needs what only Airflow has.
        CodeVersionError: what code a node runs cannot be found out.
    """
    from tfx_modules.pipeline.compile import checked_settings

    return compile_settings(checked_settings(settings), cluster)


def compile_settings(config: "PipelineSettings", cluster: Cluster) -> "Spec":
    """Compile the pipeline of settings; see :func:`compile_for_kubeflow`."""
    from tfx_modules.kubeflow.spec import make_spec

    return make_spec(_written_by_tfx(config, cluster), config.name, _versions(config), cluster)


def compile_containers(config: "PipelineSettings", containers: Containers) -> "Document":
    """Compile the pipeline of settings to the part of a spec that is the same on all systems.

    Raises as :func:`compile_for_kubeflow`.
    """
    from tfx_modules.kubeflow.spec import make_pipeline_spec

    return make_pipeline_spec(_written_by_tfx(config, containers), config.name, _versions(config), containers)


def _written_by_tfx(config: "PipelineSettings", containers: Containers) -> "Document":
    """Return the pipeline spec that TFX's runner for Kubeflow Pipelines writes of the pipeline."""
    # Imported here: it takes many seconds, and somebody who edits the settings should hear of a mistake before.
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as tfx_runner

    from tfx_modules.kubeflow.parts import ON_KUBEFLOW, check_can_run
    from tfx_modules.kubeflow.spec import node_command
    from tfx_modules.pipeline.pipeline import create_pipeline

    check_can_run(config)
    pipeline = create_pipeline(config, ON_KUBEFLOW)
    pipeline.pipeline_info.pipeline_name = _name(config.name)
    options = tfx_runner.KubeflowV2DagRunnerConfig(
        default_image=containers.image, default_commands=list(node_command()), use_pipeline_spec_2_1=True
    )
    written: Document = tfx_runner.KubeflowV2DagRunner(options).run(pipeline, write_out=False)["pipelineSpec"]
    return written


def _name(name: str) -> str:
    made = name.lower().replace("_", "-")
    if not _NAME.fullmatch(made):
        raise SettingsError(
            f"setting name is {name!r}, which is {made!r} at Kubeflow Pipelines and Vertex AI; allowed there: up to "
            "128 of a-z, 0-9 and -. Give the pipeline another name."
        )
    return made


def _versions(config: "PipelineSettings") -> "Versions":
    from tfx.dsl.compiler.compiler import Compiler

    from tfx_modules.kubeflow.parts import ON_KUBEFLOW
    from tfx_modules.kubeflow.spec import Versions
    from tfx_modules.pipeline.code_versions import code_of_nodes, code_of_pipeline
    from tfx_modules.pipeline.pipeline import create_pipeline
    from tfx_modules.pipeline.sources import Sources

    ir, sources = Compiler().compile(create_pipeline(config, ON_KUBEFLOW)), Sources()
    # What runs a node in its container counts for each.
    entry = sources.closure(["tfx_modules.kubeflow.node"])
    nodes = {node: sources.digest(files | entry) for node, files in code_of_nodes(ir, sources).items()}
    return Versions(sources.digest(code_of_pipeline(ir, sources) | entry)[:_DIGITS], nodes)


def to_yaml(spec: "Spec") -> str:
    """Write a spec as text, in an order that does not depend on the process."""
    import yaml

    return str(yaml.safe_dump_all([spec.pipeline, spec.platform], sort_keys=True, allow_unicode=True, width=120))


def _write(file: Path, spec: "Spec") -> None:
    from tfx_modules.common.files import write_atomically

    write_atomically(file, to_yaml(spec))


def _check_name(file: Path) -> None:
    if file.suffix != _SUFFIX:
        raise SettingsError(f"--output is {file}; allowed: a name with the ending {_SUFFIX}. Kubeflow goes by it.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m tfx_modules.pipeline.compile --output FILE`: write the pipeline's IR; `--check`: only check its settings.

The output is TFX's ``pipeline_pb2.Pipeline`` as JSON: the same bytes for the same settings and code, on any machine.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import json_format

from tfx_modules.common.files import write_atomically
from tfx_modules.exceptions import PipelineError
from tfx_modules.model.encoder import checkpoint
from tfx_modules.pipeline.sources import Sources
from tfx_modules.settings.settings import PipelineSettings, load_settings

if TYPE_CHECKING:
    from tfx.proto.orchestration import pipeline_pb2

SETTINGS = Path(__file__).parents[1] / "settings.toml"


def checked_settings(settings: Path) -> PipelineSettings:
    """Read a settings file, and check the encoder that it names. It takes a second: TFX is not imported.

    Raises:
        SettingsError: the settings cannot be used.
        EncoderError: the encoder cannot be used.
    """
    config = load_settings(settings)
    return replace(config, encoder=checkpoint.check(config.encoder))


def compile_pipeline(settings: Path) -> "pipeline_pb2.Pipeline":
    """Compile the pipeline of a settings file; each node gets the version of its code.

    Raises:
        SettingsError: the settings cannot be used.
        EncoderError: the encoder cannot be used.
        UnsupportedPipelineError: the runner cannot run it.
        CodeVersionError: what code a node runs cannot be found out.
    """
    return compile_settings(checked_settings(settings))


def compile_settings(config: PipelineSettings) -> "pipeline_pb2.Pipeline":
    """Compile the pipeline of settings whose encoder was checked; raises as ``compile_pipeline``, but for those."""
    # Imported here: it takes many seconds, and somebody who edits the settings should hear of a mistake before.
    from tfx.dsl.compiler.compiler import Compiler

    from tfx_modules.pipeline.code_versions import with_code_versions
    from tfx_modules.pipeline.pipeline import create_pipeline
    from tfx_modules.pipeline.supported import check_supported

    ir = Compiler().compile(create_pipeline(config))
    check_supported(ir)
    return with_code_versions(ir, Sources())


def to_json(ir: "pipeline_pb2.Pipeline") -> str:
    """Write the IR as text, in an order that does not depend on the process."""
    fields = json_format.MessageToDict(ir, preserving_proto_field_name=True)
    return json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Compile; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tfx_modules.pipeline.compile", description=__doc__)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--output", type=Path, help="file to write the IR to; an existing file is replaced")
    task.add_argument("--check", action="store_true", help="only check the settings and the encoder; write nothing")
    parser.add_argument(
        "--settings", type=Path, default=SETTINGS, help="TOML file with the pipeline's settings (default: %(default)s)"
    )
    flags = parser.parse_args(arguments)
    logging.getLogger().setLevel(logging.WARNING)
    try:
        if flags.check:
            checked_settings(flags.settings)
        else:
            write_atomically(flags.output, to_json(compile_pipeline(flags.settings)))
    except PipelineError as error:
        print(f"The pipeline cannot be compiled: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

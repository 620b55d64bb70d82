"""Reads the compiled pipeline of a user's own, as ``compile FILE:FUNCTION -o FOLDER`` leaves it.

::

    <folder>/
    ├── current          the name of the version that runs use; replaced by rename
    └── <version>/       appears by one rename, complete, and never changes
        ├── pipeline.json            TFX's IR
        ├── pipeline.version.json    the version's name, and when it was compiled
        ├── digests.json             what it was compiled from
        ├── code/                    the user's modules that nodes run
        └── .airflowignore           has Airflow look for no DAG files in them

Nodes run the modules in ``code``, and no others of the user's. So a run uses what was compiled, whatever is edited
meanwhile; and where this folder is below ``dags``, the DAG bundle copies it into its own versions.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.exceptions import CompiledPipelineError
from airflow_bert_service.installation import MODULES, module_root_above, program
from airflow_bert_service.pipeline.plan import PipelinePlan, parse_ir
from airflow_bert_service.pipeline.source_digest import SETTINGS, sources_digest
from airflow_bert_service.pipeline.version import DIGITS, read_version, version_file

IR = "pipeline.json"
CODE = "code"
CURRENT = "current"
DIGESTS = "digests.json"
VERSION = re.compile(rf"[0-9a-f]{{{DIGITS}}}")
"""A version's name."""


@dataclass(frozen=True)
class Digests:
    """What a version was compiled from, and what it is, as hex digits."""

    modules: str
    """Of ``tfx_modules``: nodes run components and Beam by it."""
    own: str
    """Of the compiled pipeline and the user's modules."""

    @property
    def version(self) -> str:
        """The version's name."""
        return hashlib.sha256(f"{self.modules}\0{self.own}".encode()).hexdigest()[:DIGITS]


def digests_of(version: Path, modules: Path) -> Digests:
    """Compute the digests of a version that is on disk.

    Args:
        version: Its folder.
        modules: The folder ``tfx_modules``. Its settings are those of this project's own pipeline, and do not count.
    """
    own = sources_digest(version, without={DIGESTS, version_file(version / IR).name})
    return Digests(modules=sources_digest(modules, without={SETTINGS}), own=own)


def load_pipeline(folder: Path) -> PipelinePlan:
    """Read the compiled pipeline of a user's own.

    Args:
        folder: The one that ``compile FILE:FUNCTION -o FOLDER`` wrote to.

    Returns:
        The plan of its current version.

    Raises:
        CompiledPipelineError: There is none, it was compiled with another ``tfx_modules``, or its files were changed.
    """
    version = current_version(folder)
    if version is None:
        raise CompiledPipelineError(f"{folder} has no compiled pipeline. {remedy(folder)}")
    root = module_root_above(folder)
    recorded, present = _recorded(version, folder), digests_of(version, root / MODULES)
    if recorded.own != present.own:
        raise CompiledPipelineError(
            f"{version} has the digest {present.own[:12]!r}, and was compiled with {recorded.own[:12]!r}: a file in it "
            f"was changed, is missing or is new; allowed: what the compiler wrote. {remedy(folder)}"
        )
    if recorded.modules != present.modules:
        raise CompiledPipelineError(
            f"{version} is stale: it was compiled with tfx_modules {recorded.modules[:12]!r}, and {root / MODULES} now "
            f"has {present.modules[:12]!r}. {remedy(folder)}"
        )
    ir = version / IR
    pipeline_id, nodes = parse_ir(ir.read_text(encoding="utf-8"), str(ir))
    return PipelinePlan(pipeline_id, nodes, ir, root, read_version(ir), version / CODE)


def current_version(folder: Path) -> Path | None:
    """Return the folder of the version that runs use; None: nothing has been compiled into the folder.

    Raises:
        CompiledPipelineError: ``current`` is not the file that the command writes, so that the folder is in other use.
    """
    file = folder / CURRENT
    try:
        name = file.read_text(encoding="ascii").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (IsADirectoryError, UnicodeDecodeError):
        name = ""
    if not VERSION.fullmatch(name):
        raise CompiledPipelineError(
            f"{file} does not name a version of a compiled pipeline; allowed: a folder that only `{program()} compile` "
            "writes into. Name another folder; or remove that file, where the pipeline was compiled into this one."
        )
    return folder.absolute() / name


def remedy(folder: Path) -> str:
    """Return what to do about a compiled pipeline that cannot be used."""
    return f"Run `{program()} compile FILE:FUNCTION -o {folder}` with the file that has the pipeline."


def write_digests(version: Path, digests: Digests) -> None:
    """Write what a version was compiled from into its folder."""
    (version / DIGESTS).write_text(json.dumps(vars(digests)) + "\n", encoding="ascii")


def _recorded(version: Path, folder: Path) -> Digests:
    try:
        return Digests(**json.loads((version / DIGESTS).read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError) as error:
        raise CompiledPipelineError(
            f"{version / DIGESTS} cannot be read ({type(error).__name__}: {error}), and {folder / CURRENT} names that "
            f"version. {remedy(folder)}"
        ) from error

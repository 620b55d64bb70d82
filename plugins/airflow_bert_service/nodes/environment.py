"""Where nodes run."""

from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.nodes.outcome import ArtifactRef
from airflow_bert_service.nodes.request import PipelinePlaces

STORED_AS = "stored_as"
"""The artifact's property that names what the artifact store has of it."""


@dataclass(frozen=True, kw_only=True)
class NodeEnvironment(PipelinePlaces):
    """Where the nodes of one plan run, and where they leave what they make; the same for all of them."""

    tfx_python: Path
    node_socket: Path | None
    module_root: Path
    outcomes: Path

    def report_folder(self, artifact: ArtifactRef) -> str:
        """Return where the report in an artifact's folder is read from: a path, or an address of the artifact store.

        Args:
            artifact: What the node has made, or taken from the cache.
        """
        name, path = artifact.properties.get(STORED_AS), Path(artifact.uri)
        if not (name and self.artifact_store and path.is_relative_to(self.pipeline_root)):
            return artifact.uri
        return f"{self.artifact_store.rstrip('/')}/{path.relative_to(self.pipeline_root).as_posix()}/{name}"

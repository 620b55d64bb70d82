"""Finds and removes the files of artifacts: in the pipeline's folder, and on an artifact store."""

"""The sub-command that compiles for Kubeflow Pipelines, and what refreshes the data in a container there."""

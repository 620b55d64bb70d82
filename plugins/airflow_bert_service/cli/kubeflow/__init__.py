"""The sub-commands for Kubeflow Pipelines and Vertex AI, and what refreshes the data in a container there."""

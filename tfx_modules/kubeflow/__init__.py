"""Kubeflow Pipelines: compiles the pipeline to a spec, and runs its nodes in the spec's containers.

Modules, each knowing only those below it::

    __main__.py         the command of a node's container
    compile.py          the command that compiles
    spec.py             makes the spec of what TFX's runner for Kubeflow Pipelines writes
    parts.py            the components in place of those that cannot run there
    node.py             runs a node
    earlier_runs.py     hands a run what earlier runs have left, and keeps what later ones need
    gates.py            stops the run when the data are blocked; checks that a model can be served
    executor_input.py   turns what Kubeflow Pipelines tells a container into what TFX's components read
    options.py          what the compiling command is told of the cluster
    kfp_library.py      finds the library kfp, which the TFX environment does not have
    values.py           names that the modules and the Airflow side agree on
"""

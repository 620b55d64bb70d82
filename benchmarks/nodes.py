"""Runs nodes of a compiled pipeline for the benchmarks, by the node command's own code.

All that a benchmark needs is below one folder::

    {root}/pipeline.json               the compiled pipeline
    {root}/spans/2026-11-05/v1/...     the reviews
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tfx_modules.node.outcome import Outcome
from tfx_modules.node.request import GpuUse, NodeRequest
from tfx_modules.node.run import run_node

RUN = "benchmark"
_EPOCH = dt.date(1970, 1, 1)


def parameters_for(
    root: Path,
    days: Sequence[dt.date],
    *,
    steps: int,
    run_id: str = RUN,
    holdout: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Return the values of the pipeline's runtime parameters.

    Args:
        root: The benchmark's folder.
        days: The window, in order.
        steps: Batches to train on; 0: the settings' epochs.
        run_id: The run's, for the ledger.
        holdout: Name, path and digest of the holdout's file; empty: there is none.
    """
    window = {"start_span_number": (days[0] - _EPOCH).days, "end_span_number": (days[-1] - _EPOCH).days}
    return {
        "input_base": str(root / "spans"),
        "range_config": json.dumps({"static_range": window}),
        "span_versions": json.dumps({day.isoformat(): 1 for day in days}),
        "holdout": json.dumps(dict(holdout)),
        "tune": "no",
        "train_args": json.dumps({"splits": ["train"], "num_steps": steps}),
        "push_destination": json.dumps({"filesystem": {"base_directory": str(root / "served")}}),
        "promotion": json.dumps(
            {
                "dag_id": "benchmark",
                "run_id": run_id,
                "data_date": days[-1].isoformat(),
                "first_day": days[0].isoformat(),
                "older": "no",
                "actor": "a benchmark",
            }
        ),
    }


def run(root: Path, node: str, parameters: Mapping[str, str], run_id: str = RUN, *, use_cache: bool = False) -> Outcome:
    """Run a node; its outcome may be a failure.

    Args:
        root: The benchmark's folder.
        node: Its name.
        parameters: From ``parameters_for``.
        run_id: The run's, for ML Metadata.
        use_cache: Whether a node that would make what an earlier run has made takes that. The calling process may have
            threads of TensorFlow by then, so that no workers are forked.
    """
    return run_node(
        NodeRequest(
            pipeline=root / "pipeline.json",
            node=node,
            run_id=run_id,
            pipeline_root=root / "artifacts",
            metadata=f"sqlite:///{root}/mlmd.sqlite",
            metadata_wait_seconds=120,
            ledger=f"sqlite:///{root}/ledger.sqlite",
            parameters=parameters,
            use_cache=use_cache,
            gpu=GpuUse.NONE,
            shown_errors=0,
            outcome=root / "outcome.json",
        ),
        forks_workers=not use_cache,
    )

"""Writes a node command whose nodes `Approval` and `Pusher` judge and promote with the project's own promoter.

The first try of the push of 10 November is killed. Of the TFX side it needs what both environments have: no TensorFlow
and no TFX.
"""

from pathlib import Path

from tests.support.airflow_home import PROJECT_ROOT

NODE = """
import datetime as dt
import json
import os
import signal
import sys
from pathlib import Path

from tfx_modules.promotion.approval import rules
from tfx_modules.promotion.events import EventKind, Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository

request = json.loads(Path(sys.argv[1]).read_text())
day = dt.date.fromisoformat(request["parameters"]["day"])
model = Path(request["pipeline_root"], "Trainer", str(day))
model.mkdir(parents=True, exist_ok=True)
(model / "saved_model.pb").write_text(f"model of {day}")
run = Run(dag_id="approval", run_id=request["run_id"], data_date=day, first_day=day)
candidate = Candidate(run=run, model=model, actor="anna", needs_approval=True)
promoter = Promoter(open_ledger(request["ledger"], "approval"), ModelRepository(Path(request["parameters"]["models"])))


def judge(champion):
    beside = f"0.874 of {champion.version}" if champion else "the floor"
    measured = {"name": "sample-v1", "n": 400, "accuracy": 0.91, "champion_accuracy": champion and 0.874}
    return GateResult(True, f"accuracy 0.910 > {beside} on sample-v1", {"sets": [measured], "latency_ms": 12.34})


def end(state, reason, outputs):
    outcome = {"format": 1, "node": request["node"], "state": state, "execution_id": 7, "outputs": outputs}
    Path(request["outcome"]).write_text(json.dumps({**outcome, "reason": reason}))


if request["node"] == "Approval":
    verdict = promoter.judged(candidate, judge)
    about = {"dag_id": run.dag_id, "run_id": run.run_id, "data_date": str(day), "first_day": str(day)}
    values = {"model_uri": verdict.model_uri, "model_digest": verdict.model_digest, "champion": verdict.champion}
    told = {**about, **values, "reason": verdict.reason, "metrics": dict(verdict.metrics), "pipeline_version": ""}
    properties = {"asks": int(rules.asks(verdict)), "verdict": verdict.kind.value, "proposal": json.dumps(told)}
    artifact = {"id": 5, "type": "PromotionProposal", "uri": str(model), "properties": properties}
    end("complete", verdict.reason, {"proposal": [artifact]})
else:
    if day == dt.date(2026, 11, 10) and not (killed := model.with_suffix(".killed")).exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    event = promoter.promote(candidate, judge)
    end("complete" if event.kind is EventKind.PROMOTED else "skipped", event.reason, {})
"""


def write_module_root(folder: Path) -> Path:
    """Make a folder as a snapshot of the DAG bundle is one, with this node command; return it."""
    package = folder / "tfx_modules"
    (package / "node").mkdir(parents=True)
    for entry in (PROJECT_ROOT / "tfx_modules").iterdir():
        if entry.name not in ("node", "__pycache__"):
            (package / entry.name).symlink_to(entry)
    (package / "node" / "__init__.py").touch()
    (package / "node" / "__main__.py").write_text(NODE)
    return folder

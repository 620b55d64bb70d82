"""Events, channels and ledgers of the tests."""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment
from airflow_bert_service.promotion.events import EventKind, PromotionEvent, event_from
from airflow_bert_service.settings.channels import Channel, read_channels

from tests.plugins.conftest import MODULE_ROOT

AT = "2026-11-25T17:53:25+00:00"
PROMOTED: dict[str, Any] = {
    "position": 7,
    "at": AT,
    "kind": "promoted",
    "reason": "accuracy 0.910 > 0.874 of 2026110401 on sample-v1, p = 0.012",
    "actor": "anna",
    "version": 2026110501,
    "champion": 2026110401,
    "dag_id": "bert_sentiment",
    "run_id": "manual__2026-11-05T00:00:00+00:00",
    "data_date": "2026-11-05",
    "first_day": "2026-10-23",
    "model_uri": "/var/pipeline/Trainer/model/7",
    "model_digest": "c0de",
    "pipeline_version": "18e906e37d2adc3c",
    "metrics": {
        "sets": [
            {
                "name": "sample-v1",
                "n": 400,
                "accuracy": 0.91,
                "champion_accuracy": 0.874,
                "p": 0.012,
                "verdict": "better",
            }
        ],
        "bytes": 91_000_000,
        "latency_ms": 12.34,
    },
    "final": True,
}


def event(**changes: Any) -> PromotionEvent:
    return event_from({**PROMOTED, **changes})


def rolled_back() -> PromotionEvent:
    return PromotionEvent(
        position=8,
        at=dt.datetime.fromisoformat(AT),
        kind=EventKind.ROLLED_BACK,
        reason="answers are slow",
        actor="berta",
        version=2026110401,
        champion=2026110501,
    )


def channels(*entries: dict[str, Any]) -> tuple[Channel, ...]:
    return read_channels(json.dumps(entries))


def environment(folder: Path, **changes: Any) -> PromotionEnvironment:
    """The stand-in promotion command, with a ledger in a folder."""
    known = {
        "tfx_python": Path(sys.executable),
        "module_root": MODULE_ROOT,
        "ledger": f"sqlite:///{folder}/ledger.db",
        "pipeline": "bert_sentiment",
        "models": folder / "models",
    }
    return PromotionEnvironment(**{**known, **changes})


def client(folder: Path, **changes: Any) -> LedgerClient:
    return LedgerClient(environment(folder, **changes))

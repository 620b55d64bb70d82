"""`python -m tests.tfx_modules.scoring.published STATE`: puts two tiny versions in service, as two runs do.

The ledger says that 2026110401 was in service from the 5th of November 2026 on, and 2026110501 from the 7th on.
"""

import datetime as dt
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.tfx_modules.promotion.conftest import accepts
from tests.tfx_modules.serving.exported_models import export
from tfx_modules.promotion.events import Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, Promoter
from tfx_modules.promotion.repository import ModelRepository

PIPELINE = "bert_sentiment"


def moments() -> Iterator[dt.datetime]:
    for day in (5, 7):
        yield dt.datetime(2026, 11, day, 0, 12, tzinfo=dt.UTC)


def publish(state: Path) -> str:
    """Promote the versions; return the address of the ledger."""
    model, address = state / "trained", f"sqlite:///{state}/ledger/ledger.db"
    export(model, 1)
    when = moments()
    ledger = open_ledger(address, PIPELINE, lambda: next(when))
    for day in (4, 5):
        (model / "assets.extra").mkdir(exist_ok=True)
        (model / "assets.extra" / "day").write_text(str(day))
        date = dt.date(2026, 11, day)
        run = Run(dag_id=PIPELINE, run_id=f"run-{day}", data_date=date, first_day=date - dt.timedelta(days=13))
        candidate = Candidate(run=run, model=model, actor="anna", older=False)
        Promoter(ledger, ModelRepository(state / "models" / PIPELINE), blocks_on_damage=True).promote(
            candidate, accepts
        )
    return address


if __name__ == "__main__":
    publish(Path(sys.argv[1]))

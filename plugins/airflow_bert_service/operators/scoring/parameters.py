"""Defines the parameters of runs that score a day."""

from airflow.sdk import Param

from airflow_bert_service.installation import command
from airflow_bert_service.runs.conf import remedy
from airflow_bert_service.runs.data_date import FIRST, LAST, PARAMETER, PATTERN
from airflow_bert_service.scoring.request import CHOICES, LIVE, LIVE_ON_DATE

MODEL = "model"


def scoring_parameters(days: str) -> dict[str, Param]:
    """Return the fields of the trigger form.

    Args:
        days: The feed's days in words; the same ones on every day, or every day would make a new version of the DAG.
    """
    return {
        PARAMETER: Param(
            default=None,
            type=["null", "string"],
            format="date",
            pattern=PATTERN,
            title="Data date",
            description=f"The day whose texts are scored; the feed has {days}. Empty: the date of the run; of a run "
            "that is triggered now, yesterday (UTC). Leave it empty in a backfill.",
            **remedy(f"a day from {FIRST} to {LAST}, like 2026-11-05, or null"),
        ),
        MODEL: Param(
            default=LIVE,
            type="string",
            pattern=rf"^({LIVE}|{LIVE_ON_DATE}|[1-9][0-9]{{0,17}})$",
            examples=[LIVE, LIVE_ON_DATE],
            title="Model",
            description=f"{LIVE}: the version that is in service now. {LIVE_ON_DATE}: the one that was in service at "
            "the end of the data date (UTC). Or a version like 2026110501.",
            **remedy(f"{CHOICES}; `{command('models history')}` lists versions"),
        ),
    }

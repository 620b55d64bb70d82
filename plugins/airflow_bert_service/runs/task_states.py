"""How the tasks of a run stand, as one of them asks."""

from collections.abc import Mapping

from airflow.sdk import Context


def states_of(context: Context) -> Mapping[str, str | None]:
    """Return the state of each task of the run that a running task belongs to, by task id."""
    run = context["dag_run"]
    found = context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])
    return {str(name): state for name, state in found.get(run.run_id, {}).items()}

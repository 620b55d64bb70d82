"""What goes of any graph of executions and artifacts."""

import datetime as dt
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.retention.store.graph import Choice, Execution, Graph, StoredArtifact, Wanted, choose, makers_of

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
SINCE = NOW - dt.timedelta(days=30)
RUNS = ("a", "b", "c", "d")
OWN, OTHER = "ours", "theirs"
OTHER_RUN = "e"
ROOT = "/pipeline"


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Executions of some runs: each makes artifacts, or takes all of an earlier one's; and has read some."""
    executions: dict[int, Execution] = {}
    artifacts: dict[int, StoredArtifact] = {}
    outputs: dict[int, frozenset[int]] = {}
    touched: dict[int, frozenset[int]] = {}
    for number in range(1, draw(st.integers(0, 12)) + 1):
        updated = NOW - dt.timedelta(days=draw(st.sampled_from((1, 10, 29, 31, 100))))
        run = draw(st.sampled_from((*RUNS, OTHER_RUN)))
        pipeline = OTHER if run == OTHER_RUN else OWN
        executions[number] = Execution(number, draw(st.integers(1, 3)), run, draw(st.booleans()), updated, pipeline)
        cached = draw(st.sampled_from([None, *outputs]))
        if cached is None:
            fresh = range(number * 10, number * 10 + draw(st.integers(0, 3)))
            outside = draw(st.integers(0, 20)) == 0
            root = "/elsewhere" if outside else ROOT
            artifacts.update(
                {item: StoredArtifact(item, f"{root}/Node/{item}", tuned=draw(st.booleans())) for item in fresh}
            )
        outputs[number] = outputs[cached] if cached else frozenset(fresh)
        inputs = draw(st.frozensets(st.sampled_from(sorted(artifacts)), max_size=3)) if artifacts else frozenset()
        touched[number] = outputs[number] | inputs
    return Graph(executions, artifacts, outputs, touched)


def wanted(**changes: object) -> Wanted:
    return replace(
        Wanted(pipeline=OWN, runs=frozenset({"a"}), models=(), since=SINCE, now=NOW, root=ROOT),
        **changes,  # type: ignore[arg-type] # by name
    )


@given(graphs())
def test_nothing_goes_that_another_pipeline_has_made_or_touched(graph: Graph) -> None:
    choice = choose(graph, wanted(runs=frozenset()))

    for item in graph.executions.values():
        if item.pipeline == OTHER:
            assert item.run in choice.runs
            assert item.id not in choice.executions
            assert graph.touched[item.id].isdisjoint(going(graph, choice))


def test_a_run_of_another_pipeline_with_the_same_id_keeps_none_of_ours() -> None:
    old, young = NOW - dt.timedelta(days=60), NOW - dt.timedelta(days=1)
    ours, theirs = Execution(1, 1, "a", False, old, OWN), Execution(2, 2, "a", False, young, OTHER)

    assert choose(Graph({1: ours, 2: theirs}), wanted(runs=frozenset())).executions == {1}


def going(graph: Graph, choice: Choice) -> set[int]:
    """Artifacts whose files go."""
    return {artifact for artifact, maker in makers_of(graph).items() if maker in choice.executions}


def without(graph: Graph, choice: Choice) -> Graph:
    """What is there after all of it has gone."""
    stay = graph.executions.keys() - choice.executions
    rows = {number: item for number, item in graph.artifacts.items() if number not in going(graph, choice)}
    return Graph(
        {number: graph.executions[number] for number in stay},
        {**rows, **{item: replace(graph.artifacts[item], gone=True) for item in going(graph, choice)}},
        {number: graph.outputs[number] for number in stay},
        {number: graph.touched[number] for number in stay},
    )


@given(graphs())
def test_nothing_goes_that_a_young_a_running_or_a_promoting_run_has_touched(graph: Graph) -> None:
    choice = choose(graph, wanted())

    for item in graph.executions.values():
        running = item.running and item.updated > NOW - dt.timedelta(days=7)
        if item.updated >= SINCE or running or item.run == "a":
            assert item.run in choice.runs
        if item.run in choice.runs:
            assert item.id not in choice.executions
            assert graph.touched[item.id].isdisjoint(going(graph, choice))


@given(graphs())
def test_an_execution_that_stays_has_all_of_its_outputs_and_one_that_made_what_stays_stays(graph: Graph) -> None:
    choice = choose(graph, wanted())

    for number in graph.executions.keys() - choice.executions:
        assert graph.outputs[number].isdisjoint(going(graph, choice))
    assert going(graph, choice).isdisjoint(choice.held)


@given(graphs())
def test_the_newest_tuned_values_the_models_of_versions_and_what_lies_elsewhere_stay(graph: Graph) -> None:
    models = tuple(f"{item.uri}/Format-Serving" for item in list(graph.artifacts.values())[:1])
    choice = choose(graph, wanted(runs=frozenset(), models=models))

    tuned = [item.id for item in graph.artifacts.values() if item.tuned]
    outside = [item.id for item in graph.artifacts.values() if not item.uri.startswith(ROOT)]
    first = list(graph.artifacts)[:1]
    assert going(graph, choice).isdisjoint({*sorted(tuned)[-1:], *outside, *first})


@given(graphs())
def test_what_nobody_needs_goes_and_then_nothing_more(graph: Graph) -> None:
    choice = choose(graph, wanted())

    assert choose(without(graph, choice), wanted()).executions == frozenset()
    assert choose(graph, wanted(since=None)).executions == frozenset()


def test_an_old_run_goes_although_another_one_took_its_outputs_when_that_is_old_too() -> None:
    made = frozenset({1})
    old = NOW - dt.timedelta(days=40)
    pair = {number: Execution(number, 1, run, False, old) for number, run in ((1, "b"), (2, "c"))}
    graph = Graph(pair, {1: StoredArtifact(1, f"{ROOT}/Gen/x/1")}, {1: made, 2: made}, {1: made, 2: made})

    assert choose(graph, wanted()).executions == {1, 2}
    assert choose(graph, wanted(runs=frozenset({"c"}))).executions == frozenset()

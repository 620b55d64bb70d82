"""The stack says which version of the sources is in service, and commands that begin runs wait for the one on disk."""

import datetime as dt
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.errors import NotReadyError, StackError
from scripts.stack.api import AirflowApi
from scripts.stack.environment import Choices, write_session
from scripts.stack.lock import only_stack
from scripts.stack.ports import LOOPBACK, free_port
from scripts.stack.sources import runs
from scripts.stack.sources.bundle import VARIABLE, sources_bundle
from scripts.stack.sources.service import SETTLED, Service, ServiceReader, Stage
from scripts.stack.sources.watch import SourcesWatch
from scripts.stack.waiting import ProgressReporter
from tests.scripts.sources_site import BUNDLE, DAG, SourcesSite

TRIGGER = ("dags", "trigger", DAG)
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


@pytest.fixture
def site(tmp_path: Path) -> SourcesSite:
    return SourcesSite.lay_out(tmp_path)


@pytest.fixture
def reader(site: SourcesSite) -> Iterator[ServiceReader]:
    with site.api() as url, AirflowApi(url, user="admin", password="secret") as api:
        yield ServiceReader(site.paths, api, {})


def settle(site: SourcesSite) -> None:
    """Let the time pass in which import errors may still be those of the version before."""
    moment = (dt.datetime.now(dt.timezone.utc) - 2 * SETTLED).timestamp()
    os.utime(site.store.lock_file.with_name("current"), (moment, moment))


def now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


def test_the_versions_that_count_are_those_of_the_bundle_in_airflows_configuration(site: SourcesSite) -> None:
    found = sources_bundle(site.paths, {})
    assert found is not None
    assert (found.name, found.root, found.folder) == (
        BUNDLE,
        site.paths.root,
        site.paths.state / "bundles" / BUNDLE,
    )


def test_a_stack_with_other_bundles_has_no_versions(site: SourcesSite) -> None:
    other = '[{"name": "plain", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}]'
    assert sources_bundle(site.paths, {VARIABLE: other}) is None


def test_a_configuration_that_is_no_list_of_bundles_is_refused(site: SourcesSite) -> None:
    with pytest.raises(StackError, match=r"dag_bundle_config_list is '7' .* allowed: a JSON list of DAG bundles"):
        sources_bundle(site.paths, {VARIABLE: "7"})


def test_new_sources_are_pending_until_airflow_has_read_their_dag(site: SourcesSite, reader: ServiceReader) -> None:
    first = reader.read()
    assert (first.stage, first.served, first.known) == (Stage.PENDING, "", False)
    version = site.publish()
    assert (reader.read().stage, reader.read().text) == (
        Stage.PENDING,
        f"Airflow to read the DAG films in version {version} of the sources",
    )
    site.read(version)
    found = reader.read()
    assert (found.stage, found.wanted, found.served) == (Stage.IN_SERVICE, str(version), str(version))
    assert found.ready == (
        f"Ready. The DAG films is there, in pipeline version {version}, compiled 2026-11-05 12:30:00 UTC: the sources "
        "that are on disk now."
    )


def test_a_dag_of_a_used_state_is_not_ready_after_an_edit(site: SourcesSite, reader: ServiceReader) -> None:
    old = site.publish()
    site.read(old)
    new = site.edit(3)
    found = reader.read()
    assert (found.stage, found.wanted, found.served, found.known) == (Stage.PENDING, new, str(old), True)
    assert found.text == f"the pipeline to be compiled in version {new} of the sources"


def test_a_dag_that_was_read_from_the_old_file_is_not_ready_although_it_has_the_new_version(
    site: SourcesSite, reader: ServiceReader
) -> None:
    old = site.publish()
    site.edit(3)
    new = site.publish()
    site.read(new, file_of=old)
    assert reader.read().stage is Stage.PENDING


def test_a_dag_that_this_stack_has_not_read_yet_is_not_ready(site: SourcesSite, reader: ServiceReader) -> None:
    version = site.publish()
    site.read(version)
    write_session(site.paths, Choices())
    assert reader.read().stage is Stage.PENDING
    site.read(version)
    assert reader.read().stage is Stage.IN_SERVICE


def test_a_dag_that_airflow_does_not_find_any_more_is_not_ready(site: SourcesSite, reader: ServiceReader) -> None:
    site.read(site.publish())
    assert site.dag is not None
    site.dag["is_stale"] = True
    assert (reader.read().stage, reader.read().served) == (Stage.PENDING, "")


def test_sources_that_do_not_compile_are_refused_with_the_compilers_error(
    site: SourcesSite, reader: ServiceReader
) -> None:
    old = site.publish()
    new = site.edit(4)
    site.fail_to_compile()
    site.read(site.store.current() or old)
    found = reader.read()
    assert (found.stage, found.served) == (Stage.REFUSED, str(old))
    with pytest.raises(StackError, match=f"Version {new} of the sources is not .*\nsetting training.epochs is 'x'"):
        found.require()


def test_sources_that_are_put_back_are_in_service_again(site: SourcesSite, reader: ServiceReader) -> None:
    old = site.publish()
    site.edit(4)
    site.fail_to_compile()
    site.edit(2)
    site.store.put_in_service(old)
    site.read(old)
    assert reader.read().stage is Stage.IN_SERVICE


def test_a_dag_that_cannot_be_imported_is_refused(site: SourcesSite, reader: ServiceReader) -> None:
    old = site.publish()
    site.read(old)
    new = site.edit(3)
    site.publish()
    site.refuse("other.py", now())
    site.refuse("films.py", LONG_AGO)
    settle(site)
    assert reader.read().stage is Stage.PENDING, "one error is another file's, the other an earlier version's"
    site.refuse("films.py", now())
    found = reader.read()
    assert found.stage is Stage.REFUSED
    assert found.text == (
        f"Version {new} of the sources is not in service. Airflow cannot import the DAG films.\nfilms.py:\n"
        f"NameError in films.py\nCorrect the file. Until then, runs that begin use version {old}."
    )


def test_an_error_right_after_the_publication_may_be_the_version_befores(
    site: SourcesSite, reader: ServiceReader
) -> None:
    site.publish()
    site.refuse("films.py", now() + dt.timedelta(seconds=1))
    assert reader.read().stage is Stage.PENDING


def test_an_error_that_an_earlier_stack_has_left_is_not_this_ones(site: SourcesSite, reader: ServiceReader) -> None:
    site.publish()
    settle(site)
    site.refuse("films.py", now() - SETTLED)
    assert reader.read().stage is Stage.REFUSED
    write_session(site.paths, Choices())
    assert reader.read().stage is Stage.PENDING


def service(stage: Stage, version: str, text: str = "") -> Service:
    return Service(stage, DAG, version, served="1f3a", known=True, text=text)


def ready(version: str) -> str:
    return f"Ready. The DAG films is there, in pipeline version {version}: the sources that are on disk now."


def test_the_running_stack_says_once_what_becomes_of_an_edit() -> None:
    seen = [
        service(Stage.IN_SERVICE, "1f3a", "1f3a, compiled yesterday"),
        service(Stage.PENDING, "77c0", "half a file"),
        *[service(Stage.PENDING, "88d1", "88d1 to be compiled")] * 3,
        service(Stage.PENDING, "88d1", "Airflow to read the DAG"),
        *[service(Stage.REFUSED, "88d1", "Version 88d1 does not compile.")] * 2,
        *[service(Stage.IN_SERVICE, "99e2", "99e2, compiled today")] * 2,
    ]
    said: list[str] = []
    rounds = iter(seen)
    watch = SourcesWatch(lambda: next(rounds), said.append, seconds=0.0)
    for _ in seen:
        watch.look()
    assert said == [
        ready("1f3a, compiled yesterday"),
        "The sources have changed: waiting for 88d1 to be compiled. Until then, runs that begin use version 1f3a.",
        "Version 88d1 does not compile.",
        ready("99e2, compiled today"),
    ]


def test_a_question_that_airflow_does_not_answer_is_asked_again() -> None:
    answers: list[Callable[[], Service]] = [
        failing,
        failing,
        lambda: service(Stage.IN_SERVICE, "1f3a", "1f3a"),
    ]
    said: list[str] = []
    rounds = iter(answers)
    watch = SourcesWatch(lambda: next(rounds)(), said.append, seconds=0.0)
    for _ in answers:
        watch.look()
    assert said == [
        "Which version of the sources is in service cannot be told: Airflow's API does not answer",
        ready("1f3a"),
    ]


def failing() -> Service:
    raise StackError("Airflow's API does not answer")


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        ("dags trigger films", True),
        ("dags unpause films", True),
        ("dags test films 2026-11-05", True),
        ("backfill create --dag-id films", True),
        ("dags trigger --help", False),
        ("dags pause films", False),
        ("dags list", False),
        ("version", False),
        ("", False),
    ],
)
def test_commands_that_make_runs_begin(words: str, begins: bool) -> None:
    assert runs.begins_runs(words.split()) is begins


@pytest.fixture
def said() -> list[str]:
    return []


def wait(site: SourcesSite, said: list[str], *arguments: str, look: Callable[[], None] = lambda: None) -> None:
    """Wait as a command beside the running stack does; `look` happens whenever it says something."""

    def say(line: str) -> None:
        said.append(line)
        look()

    with site.api() as url, only_stack(site.paths):
        environment = {"AIRFLOW__API__BASE_URL": url}
        runs.wait_for_sources(site.paths, environment, arguments, ProgressReporter(say))


def test_a_trigger_goes_on_at_once_when_the_sources_are_in_service(site: SourcesSite, said: list[str]) -> None:
    site.read(site.publish())
    wait(site, said, *TRIGGER)
    assert said == []


@pytest.mark.parametrize("words", [TRIGGER, ("backfill", "create", f"--dag-id={DAG}")])
def test_a_command_that_begins_runs_waits_for_the_sources(
    site: SourcesSite, said: list[str], words: tuple[str, ...]
) -> None:
    site.read(site.publish())
    new = site.edit(3)

    def put_in_service() -> None:
        site.read(site.publish())

    wait(site, said, *words, look=put_in_service)
    first, last = said
    assert first == (
        f"Waiting for the pipeline to be compiled in version {new} of the sources. `airflow {words[0]} {words[1]}` "
        "follows."
    )
    assert last.startswith(f"Ready. The DAG films is there, in pipeline version {new}, compiled ")


def test_a_trigger_is_refused_when_the_sources_do_not_compile(site: SourcesSite, said: list[str]) -> None:
    site.read(site.publish())
    site.edit(3)
    site.fail_to_compile()
    with pytest.raises(StackError, match=r"`airflow dags trigger` was not executed\. Version .*\nsetting training"):
        wait(site, said, *TRIGGER)


def test_a_trigger_does_not_wait_for_ever(site: SourcesSite, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "WAIT_SECONDS", 0.3)
    site.read(site.publish())
    site.edit(3)
    with pytest.raises(NotReadyError, match=r"was not executed\. Still waiting for the pipeline to be compiled"):
        wait(site, said, *TRIGGER)


def test_a_trigger_waits_for_a_stack_that_is_starting(site: SourcesSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "WAIT_SECONDS", 0.3)
    environment = {"AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{free_port()}"}
    with (
        only_stack(site.paths),
        pytest.raises(NotReadyError, match="Still waiting for Airflow's API server, which the stack starts"),
    ):
        runs.wait_for_sources(site.paths, environment, TRIGGER, ProgressReporter(print))


def test_a_rollback_does_not_wait(site: SourcesSite, said: list[str]) -> None:
    site.read(site.publish())
    site.edit(3)
    wait(site, said, "dags", "trigger", f"{DAG}_rollback")
    assert said == []


def test_without_a_stack_a_trigger_says_which_version_it_is_going_to_use(site: SourcesSite, said: list[str]) -> None:
    old = site.publish()
    progress = ProgressReporter(said.append)
    runs.wait_for_sources(site.paths, {}, TRIGGER, progress)
    assert said == []
    new = site.edit(3)
    runs.wait_for_sources(site.paths, {}, TRIGGER, progress)
    (line,) = said
    assert line == (
        f"No stack runs on {site.paths.state}, so nothing compiles the sources: those on disk are version {new}, and "
        f"the version in service is {old}, which this command is going to use. To use those on disk, start "
        "`make up`, wait until it says Ready, and repeat the command."
    )

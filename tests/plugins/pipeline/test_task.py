"""The pipeline's task on the Airflow side: read from its settings, and checked by the TFX side's rules."""

import ast
import json
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.pipeline.labels import normal_label, problem
from airflow_bert_service.pipeline.task import BINARY_SENTIMENT, KEYS, KINDS, Task, pipeline_task
from airflow_bert_service.settings.row_rules import DEFAULT_LABELS, labels_for, read_labels
from airflow_bert_service.settings.settings import settings_from
from hypothesis import given
from hypothesis import strategies as st

from scripts.declarations import read_classes
from scripts.settings_docs import PIPELINE_SETTINGS
from tests.support.airflow_home import PROJECT_ROOT
from tests.support.label_names import labels

SPAM = Task(labels=("ham", "spam"), positive="spam")


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A folder of DAG files, with `tfx_modules` beside it."""
    for name in ("dags", "tfx_modules"):
        (tmp_path / name).mkdir()
    return tmp_path / "dags"


def write(dags: Path, text: str) -> None:
    (dags / "settings.toml").write_text(text, encoding="utf-8")


def test_settings_without_a_task_are_binary_sentiment(dags: Path) -> None:
    assert pipeline_task(dags) == BINARY_SENTIMENT, "no file"
    write(dags, "[gate]\nlevel = 0.1\n")
    assert pipeline_task(dags) == BINARY_SENTIMENT
    assert pipeline_task(PROJECT_ROOT / "dags") == BINARY_SENTIMENT


def test_labels_of_the_user_s_own(dags: Path) -> None:
    write(dags, '[task]\nlabels = ["ham", "spam"]\npositive = "spam"\n')
    assert pipeline_task(dags) == SPAM
    write(dags, '[task]\nkind = "multilabel"\nlabels = ["ham", "spam"]\nthreshold = 0.3\n')
    assert pipeline_task(dags) == Task(kind="multilabel", labels=("ham", "spam"), threshold=0.3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task = 7", r"setting task is 7; allowed: a table\. Write \[task\]\. The file is .*settings\.toml"),
        ("[task]\nkind = 'ternary'", r"setting task\.kind is 'ternary'; allowed: binary, multiclass, multilabel"),
        (
            "[task]\nkind = 'multilabel'\nlabels = ['a', '[b]']",
            r"setting task\.labels is \['a', '\[b\]'\]; allowed: labels that do not begin with \[, with task",
        ),
        ("[task]\nlabels = 'ab'", r"setting task\.labels is 'ab'; allowed: a list"),
        ("[task]\nlabels = [0, 1]", r"setting task\.labels has 0, which is no text; allowed: texts, in quotes"),
        ("[task]\nlabels = ['a', 'b', 'c']", r"allowed: two labels, with task\.kind binary"),
        (
            "[task]\nkind = 'multiclass'\npositive = 'x'",
            r"setting task\.positive is 'x'; allowed: none, with task\.kind m",
        ),
        ("[task]\nlabels = ['a', 'A']", r"which a feed's rows cannot tell apart"),
        (
            "[task]\nlabels = ['ham', 'spam']",
            r"setting task\.positive is 'positive'; allowed: one of task\.labels, ham",
        ),
        ("[task]\nthreshold = 0.3", r"setting task\.threshold is 0\.3; allowed: none, with task\.kind binary"),
        (
            "[task]\nkind = 'multilabel'\nthreshold = 1",
            r"setting task\.threshold is 1; allowed: a number above 0 and below 1",
        ),
        (
            "[task]\nkind = 'multilabel'\nthreshold = '0.3'",
            r"setting task\.threshold is '0\.3'; allowed: a number above 0 and below 1",
        ),
        (
            "[task]\nlabel = ['a', 'b']",
            r"setting task has the unknown key label; known: kind, labels, positive, threshold",
        ),
        ("task = [", r"settings file .*settings\.toml cannot be read .*Correct the file"),
    ],
)
def test_tasks_that_are_not_allowed(dags: Path, text: str, message: str) -> None:
    write(dags, text)
    with pytest.raises(SettingsError, match=message):
        pipeline_task(dags)


def test_both_sides_have_the_same_rules() -> None:
    here = PROJECT_ROOT / "plugins" / "airflow_bert_service" / "pipeline" / "labels.py"
    there = PROJECT_ROOT / "tfx_modules" / "settings" / "labels.py"
    assert here.read_text(encoding="utf-8") == there.read_text(encoding="utf-8"), "Change both files"
    declared = read_classes(PIPELINE_SETTINGS.with_name("task.py"))
    assert tuple(field.name for field in declared["TaskSettings"].members) == KEYS
    kinds = [ast.literal_eval(member.default) for member in declared["TaskKind"].members if member.default]
    assert tuple(kinds) == KINDS


@given(labels(2), st.data())
def test_any_names_of_labels_are_told_apart_in_any_spelling(names: tuple[str, ...], data: st.DataObject) -> None:
    assert not problem(names)
    task = Task(labels=names, positive=names[1])
    spelled = {name: data.draw(st.sampled_from([name, f" {name}", f"{name}\t"])) for name in names}
    assert {task.label_of(text): name for name, text in spelled.items()} == {name: name for name in names}
    own = labels_for(task, read_labels(DEFAULT_LABELS))
    assert {own[normal_label(text)] for text in spelled.values()} == set(names)


@given(labels(2))
def test_any_names_can_be_called_otherwise_by_a_source(names: tuple[str, ...]) -> None:
    task = Task(labels=names, positive=names[0])
    text = json.dumps({names[0]: ["first", 7], names[1]: ["other", False]}, ensure_ascii=False)
    found = labels_for(task, read_labels(text))
    assert found == {"first": names[0], "7": names[0], "other": names[1], "false": names[1]}


def test_a_source_may_call_labels_otherwise() -> None:
    assert labels_for(SPAM, read_labels("Spam: junk, 1; ham: ham, 0")) == {
        "junk": "spam",
        "1": "spam",
        "ham": "ham",
        "0": "ham",
    }
    assert labels_for(SPAM, read_labels(DEFAULT_LABELS)) == {"ham": "ham", "spam": "spam"}, "by their own names"
    assert labels_for(BINARY_SENTIMENT, read_labels(DEFAULT_LABELS))["pos"] == "positive"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spam: junk", r"labels has none for ham; allowed: a text like 'ham: ham; spam: spam'"),
        ("spam: junk; ham: ham; other: x", r"labels has the part 'other: x'; .*the label \(ham, spam\)"),
        ("positive: x; negative: y", r"labels has the part 'positive: x'; allowed: a text like 'ham: ham; spam"),
    ],
)
def test_labels_that_do_not_fit_the_task(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        labels_for(SPAM, read_labels(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"labels is no JSON: .*; allowed: a JSON object of lists, like"),
        ('{"spam": "junk"}', r"labels has 'junk' for 'spam'; allowed: a JSON object of lists"),
        ('{"spam": []}', r"labels has \[\] for 'spam'; allowed: a JSON object of lists"),
        ('{"spam": [null]}', r"labels has \[None\] for 'spam'; allowed: a JSON object of lists"),
        ('{"spam": ["x"], "ham": ["X"]}', r"labels has 'x' for both spam and ham; allowed: each label once"),
        ("spam: ; ham: x", r"labels has the part 'spam:'; allowed: a text like"),
    ],
)
def test_labels_of_another_form(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_labels(text)


def test_the_sources_on_disk_say_which_labels_the_setting_may_have(dags: Path) -> None:
    given = {"root": str(dags.parent), "labels": "spam: junk; ham: ham"}
    with pytest.raises(SettingsError, match=r"labels has the part 'spam: junk'; allowed: a text like 'positive"):
        settings_from(given)
    write(dags, '[task]\nlabels = ["ham", "spam"]\npositive = "spam"\n')
    assert settings_from(given).rules.labels == {"junk": "spam", "ham": "ham"}

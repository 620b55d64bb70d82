"""The task: labels of the user's own, what they may be, and how they go with a model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from tests.support.label_names import labels
from tfx_modules.exceptions import SettingsError
from tfx_modules.settings import task as tasks
from tfx_modules.settings.settings import PipelineSettings, load_settings
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskKind, TaskSettings

SPAM = TaskSettings(labels=("ham", "spam"), positive="spam")


def read(folder: Path, text: str) -> PipelineSettings:
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def test_settings_without_a_task_are_binary_sentiment(tmp_path: Path) -> None:
    assert read(tmp_path, "").task == BINARY_SENTIMENT
    assert BINARY_SENTIMENT.classes == ("negative", "positive")
    assert BINARY_SENTIMENT.is_default
    assert tasks.to_config(BINARY_SENTIMENT) == {}
    assert tasks.to_parameter(BINARY_SENTIMENT) is None


def test_labels_of_the_user_s_own(tmp_path: Path) -> None:
    found = read(tmp_path, '[task]\nkind = "binary"\nlabels = ["good", "bad"]\npositive = "good"\n').task
    assert found.labels == ("good", "bad")
    assert found.classes == ("bad", "good"), "the positive one is the last"
    assert not found.is_default
    assert found.describe() == "bad, good (score of good)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind = 'ternary'", r"task\.kind is 'ternary'; allowed: binary, multiclass"),
        ("labels = ['one']", r"task\.labels has 1; allowed: 2 to 50 labels"),
        ("labels = ['a', 'b', 'c']", r"task\.labels is \['a', 'b', 'c'\]; allowed: two labels, with task.kind binary"),
        ("labels = ['a', '']", r"task\.labels has '', which is empty or has white space around it; allowed: a text w"),
        ("labels = ['a', ' b']", r"task\.labels has ' b', which is empty or has white space around it"),
        ('labels = ["a", "b\\nc"]', r"task\.labels has 'b\\nc', which has a control character or a line break"),
        (
            "labels = ['a', 'A']",
            r"task\.labels has 'a' and 'A', which a feed's rows cannot tell apart; allowed: labels",
        ),
        ("labels = ['1', '1.0']", r"task\.labels has '1' and '1\.0', which a feed's rows cannot tell apart"),
        ('labels = ["\\u00e9", "e\\u0301"]', r"task\.labels has 'é' and 'e.', which a feed's rows cannot tell"),
        (f"labels = ['a', '{'b' * 101}']", r"task\.labels has 'b+', which has 101 characters; allowed: up to 100"),
        ("labels = [0, 1]", r"task\.labels is 0; allowed: a text"),
        ("labels = 'ab'", r"task\.labels is 'ab'; allowed: a list"),
        ("labels = ['ham', 'spam']", r"task\.positive is 'positive'; allowed: one of task.labels, ham, spam"),
        ("positive = 'Positive'", r"task\.positive is 'Positive'; allowed: one of task.labels, negative, positive"),
        (
            "kind = 'multiclass'\npositive = 'negative'",
            r"task\.positive is 'negative'; allowed: none, with task\.kind multiclass",
        ),
        ("kind = 'multiclass'\nlabels = ['a']", r"task\.labels has 1; allowed: 2 to 50 labels"),
        (
            f"kind = 'multiclass'\nlabels = {[str(n) for n in range(51)]}",
            r"task\.labels has 51; allowed: 2 to 50 labels",
        ),
        (
            "kind = 'multilabel'\npositive = 'negative'",
            r"task\.positive is 'negative'; allowed: none, with task\.kind multilabel",
        ),
        (
            "kind = 'multilabel'\nlabels = ['a', '[b]']",
            r"task\.labels is \['a', '\[b\]'\]; allowed: labels that do not begin with \[, with task\.kind multilabel",
        ),
        (
            "kind = 'multiclass'\nlabels = ['a', 'b', 'c']\nthreshold = 0.3",
            r"task\.threshold is 0\.3; allowed: none, with task\.kind multiclass",
        ),
        ("threshold = 0.3", r"task\.threshold is 0\.3; allowed: none, with task\.kind binary"),
        ("kind = 'multilabel'\nthreshold = 0", r"task\.threshold is 0\.0; allowed: above 0 and below 1"),
        ("kind = 'multilabel'\nthreshold = 1.0", r"task\.threshold is 1\.0; allowed: above 0 and below 1"),
        (
            "label = ['a', 'b']",
            r"unknown key task\.label; known: kind, labels, positive, threshold\. Did you mean labels\?",
        ),
    ],
)
def test_tasks_that_are_not_allowed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(tmp_path, f"[task]\n{text}\n")


@given(labels(2))
def test_any_names_survive_the_way_to_components_and_with_a_model(
    tmp_path_factory: pytest.TempPathFactory, names: tuple[str, ...]
) -> None:
    task = TaskSettings(labels=names, positive=names[0])
    assert tasks.from_config(json.loads(json.dumps(tasks.to_config(task)))) == task
    assert tasks.from_parameter(tasks.to_parameter(task)) == task
    assert task.classes == (names[1], names[0])
    folder = tmp_path_factory.mktemp("model")
    (folder / "assets.extra").mkdir()
    (folder / tasks.PLACE).write_text(tasks.to_json(task), encoding="utf-8")
    assert tasks.of_model(folder) == task


def test_a_model_without_the_file_answers_binary_sentiment(tmp_path: Path) -> None:
    assert tasks.of_model(tmp_path) == BINARY_SENTIMENT


@pytest.mark.parametrize("content", ["", "[]", '"x"', '{"labels": ["a"]}', '{"colour": 1}'])
def test_a_damaged_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / tasks.PLACE).write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"task\.json is no task of a model: .*Put the model's own file back"):
        tasks.of_model(tmp_path)


def test_models_are_comparable_where_they_answer_the_same_and_mean_the_same_score() -> None:
    assert SPAM.is_comparable_with(TaskSettings(labels=("spam", "ham"), positive="spam")), "the order makes no odds"
    assert not SPAM.is_comparable_with(TaskSettings(labels=("ham", "spam"), positive="ham"))
    assert not SPAM.is_comparable_with(TaskSettings(labels=("ham", "junk"), positive="junk"))
    assert not SPAM.is_comparable_with(BINARY_SENTIMENT)


TICKETS = TaskSettings(kind=TaskKind.MULTICLASS, labels=("billing", "fault", "order", "other"))


def test_four_classes(tmp_path: Path) -> None:
    found = read(tmp_path, "[task]\nkind = 'multiclass'\nlabels = ['billing', 'fault', 'order', 'other']\n").task
    assert found == TICKETS
    assert (found.classes, found.outputs) == (("billing", "fault", "order", "other"), 4)
    assert found.describe() == "billing, fault, order, other (multiclass)"
    assert found.is_comparable_with(TaskSettings(kind=TaskKind.MULTICLASS, labels=found.labels[::-1]))
    assert not found.is_comparable_with(TaskSettings(kind=TaskKind.MULTICLASS, labels=found.labels[:3]))
    assert not TaskSettings(kind=TaskKind.MULTICLASS).is_comparable_with(BINARY_SENTIMENT)


def test_sets_of_four_labels(tmp_path: Path) -> None:
    found = read(tmp_path, "[task]\nkind = 'multilabel'\nlabels = ['billing', 'fault', 'order', 'other']\n").task
    assert (found.classes, found.outputs, found.has_sets) == (TICKETS.labels, 4, True)
    assert found.describe() == "billing, fault, order, other (multilabel)"
    assert found.is_comparable_with(TaskSettings(kind=TaskKind.MULTILABEL, labels=found.labels[::-1]))
    assert not found.is_comparable_with(TICKETS), "one label of four is another question"
    assert not TaskSettings(kind=TaskKind.MULTILABEL).is_comparable_with(BINARY_SENTIMENT)


def test_labels_of_sets_are_weighed_in_the_loss_and_not_examples(tmp_path: Path) -> None:
    text = "[task]\nkind = 'multilabel'\nlabels = ['a', 'b']\n[training.class_weights]\nb = 2.5\n"
    found = read(tmp_path, text)
    assert found.training.weights_of(found.task) == (1.0, 2.5)
    assert found.training.weights_of_examples(found.task) is None


def test_reviews_of_a_class_may_count_more(tmp_path: Path) -> None:
    task = "[task]\nkind = 'multiclass'\nlabels = ['a', 'b', 'c']\n"
    found = read(tmp_path, f"{task}[training.class_weights]\nb = 2.5\n")
    assert found.training.weights_of(found.task) == (1.0, 2.5, 1.0)
    plain = read(tmp_path, task)
    assert plain.training.weights_of(plain.task) is None
    assert "class_weights" not in plain.training.to_config()
    with pytest.raises(SettingsError, match=r"training\.class_weights is 'd'; allowed: task\.labels, a, b, c"):
        read(tmp_path, f"{task}[training.class_weights]\nd = 2.5\n")
    with pytest.raises(SettingsError, match=r"training\.class_weights\.a is 0\.0; allowed: a number above 0"):
        read(tmp_path, f"{task}[training.class_weights]\na = 0\n")


def test_the_task_goes_as_plain_values() -> None:
    assert tasks.to_config(SPAM)["task"] == {"kind": "binary", "labels": ("ham", "spam"), "positive": "spam"}


def test_label_sets_have_a_threshold_which_goes_with_the_model_and_other_tasks_are_written_as_ever(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, "[task]\nkind = 'multilabel'\nlabels = ['a', 'b']\nthreshold = 0.3\n").task
    assert found.threshold == 0.3
    assert found.describe() == "a, b (multilabel, from 0.3 on)"
    assert tasks.from_parameter(tasks.to_parameter(found)) == found
    assert tasks.from_config(tasks.to_config(found)) == found
    assert found.is_comparable_with(replace(found, threshold=0.5)), "each answers by its own"
    assert "threshold" not in tasks.to_json(TICKETS)
    assert "threshold" not in tasks.to_config(SPAM)["task"]
    before = '{"kind": "multilabel", "labels": ["a", "b"], "positive": "positive"}'
    assert tasks.from_parameter(before) == replace(found, threshold=0.5), "as earlier releases wrote it"
    assert tasks.to_json(replace(found, threshold=0.5)) == before, "so that code of earlier releases can read it"

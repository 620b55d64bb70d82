"""A model server is asked for the scores of texts; whatever it answers, the user is told in plain words."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

import pytest
from airflow_bert_service.clients.classify import Classified, ClassifyRequest, Scores, classify

from tests.support.loopback import HOST, serving

TEXTS = ("a fine film", "")
LABELS = ["bad", "good", "long"]
SETS = {
    "predictions": [
        {"labels": LABELS, "scores": [0.75, 0.3, 0.25], "chosen": [True, True, False]},
        {"labels": LABELS, "scores": [0.25, 0.2, 0.25], "chosen": [False, False, False]},
    ]
}
FINE = {"results": [[["bad", 0.1], ["good", 0.9]], [["bad", 0.5], ["good", 0.5]]]}


class Server(BaseHTTPRequestHandler):
    """Answers by the name of the model that it is asked for."""

    def do_GET(self) -> None:
        """Answer the metadata, or else what Classify is answered."""
        end = "/metadata"
        name, _, rest = self.path.partition("?")[0].removeprefix("/v1/models/").removesuffix(end).partition("/")
        assert self.path.partition("?")[0].endswith(end)
        if name.isdecimal():
            self.answer(int(name), json.dumps({"error": f"said:\n{self.headers['Authorization']} {rest}"}))
        elif name == "silent":
            self.answer(429, "")
        elif name in ODD_METADATA:
            self.answer(200, ODD_METADATA[name])
        elif name == "half-error":
            self.answer(500, json.dumps({"error": "half \ud83d, whole \U0001f600"}))
        else:
            outputs: dict[str, object] = {"chosen": {}} if name.startswith("sets") else {"label": {}}
            signatures = {"serving_default": {"outputs": outputs}, "classify": {}}
            self.answer(200, json.dumps({"metadata": {"signature_def": {"signature_def": signatures}}}))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, _, rest = self.path.removeprefix("/v1/models/").partition("/")
        name = name.partition(":")[0]
        code, body = 200, json.dumps(FINE)
        if name == "gone-now":
            code, body = 404, json.dumps({"error": f"said: {rest}"})
        elif name == "half-label":
            body = json.dumps({"results": [[["half \udc00, whole \U0001f600", 1.0]]] * len(asked["examples"])})
        elif name == "echo":
            text = f"{self.path} {self.headers['Authorization']} {json.dumps(asked)}"
            body = json.dumps({"results": [[[text, 1.0]]] * len(asked["examples"])})
        elif name == "sets":
            assert asked == {"signature_name": "serving_default", "instances": list(TEXTS)}
            assert self.path.endswith(":predict")
            body = json.dumps(SETS)
        elif name in ODD_SETS:
            body = json.dumps({"predictions": [ODD_SETS[name]] * 2})
        elif name != "fine":
            body = ODD[name]
        self.answer(code, body)

    def answer(self, code: int, body: str) -> None:
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", "/v1/models/fine:classify")
        self.end_headers()
        with suppress(ConnectionError):  # of more than is allowed, the rest is not read
            self.wfile.write(body.encode())


ODD = {
    "text": "<p>",
    "list": "[]",
    "one": json.dumps({"results": FINE["results"][:1]}),
    "none": json.dumps({"results": [[], []]}),
    "other-labels": json.dumps({"results": [FINE["results"][0], [["worse", 0.5], ["good", 0.5]]]}),
    "numbers": json.dumps({"results": [[1, 2], [3, 4]]}),
    "nan": json.dumps({"results": [[["bad", float("nan")]]] * 2}),
    "words": json.dumps({"results": [[["bad", "much"]]] * 2}),
    "deep": "[" * 100_000,
    "large": " " * (5 << 20),
    "long-number": '{"results": [[["bad", ' + "1" * 10_000 + "]]]}",
}

ODD_METADATA = {
    "metadata-text": "<p>",
    "metadata-list": "[]",
    "metadata-none": "{}",
    "metadata-signatures": json.dumps({"metadata": {"signature_def": {"signature_def": []}}}),
    "metadata-large": " " * (5 << 20),
}
ODD_SETS = {
    "sets-lacks-labels": {"scores": [0.5], "chosen": [True]},
    "sets-lacks-chosen": {"labels": ["bad"], "scores": [0.5]},
    "sets-few-scores": {"labels": ["bad", "good"], "scores": [0.5], "chosen": [True, False]},
    "sets-few-chosen": {"labels": ["bad", "good"], "scores": [0.5, 0.5], "chosen": [True]},
    "sets-none": {"labels": [], "scores": [], "chosen": []},
}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with serving(Server) as port:
        yield f"http://{HOST}:{port}/v1/models"


def asked(model: str, version: str = "", key: str = "") -> Classified:
    return classify(ClassifyRequest(model=model, version=version, texts=TEXTS, key=key), 5)


def test_it_answers_the_scores_of_each_text(base: str) -> None:
    answer = asked(f"{base}/fine")
    assert [one.by_label for one in answer.scores] == [{"bad": 0.1, "good": 0.9}, {"bad": 0.5, "good": 0.5}]
    assert [one.label for one in answer.scores] == ["good", "good"], "as the model says it at 0.5"
    assert answer.problem == ""
    assert 0 < answer.milliseconds < 5000


def test_labels_of_a_set_are_those_that_the_model_chose_whatever_their_scores_are(base: str) -> None:
    several, none = asked(f"{base}/sets").scores
    assert several.by_label == {"bad": 0.75, "good": 0.3, "long": 0.25}
    assert (several.labels, several.answer) == (("bad", "good"), "bad, good")
    assert (none.labels, none.answer) == ((), "no label")
    (one, _) = asked(f"{base}/fine").scores
    assert (one.has_sets, one.labels, one.answer) == (False, ("good",), "good")


def test_of_three_labels_that_are_equal_it_is_the_first_as_the_model_says() -> None:
    scores = Scores({"a": 0.2, "b": 0.4, "c": 0.4})
    assert (scores.label, scores.score) == ("b", 0.4)


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("", "/v1/models/echo:classify"),
        ("2026110501", "/v1/models/echo/versions/2026110501:classify"),
        ("stable", "/v1/models/echo/labels/stable:classify"),
        ("\u0663", "/v1/models/echo/labels/%D9%A3:classify"),  # a digit that is no number in an address
    ],
)
def test_a_version_or_a_label_is_in_the_address(base: str, version: str, path: str) -> None:
    (said,) = asked(f"{base}/echo", version).scores[0].by_label
    assert said == f"{path} None " + json.dumps(
        {"signature_name": "classify", "examples": [{"review": text} for text in TEXTS]}
    )


def test_the_key_is_sent_in_the_header_alone(base: str) -> None:
    request = ClassifyRequest(model=f"{base}/echo/?token=abcdef", texts=TEXTS, key="secret")
    (said,) = classify(request, 5).scores[0].by_label
    assert said.startswith("/v1/models/echo:classify?token=abcdef Bearer secret")
    assert "secret" not in repr(request)
    assert TEXTS[0] not in repr(request)


@pytest.mark.parametrize("model", [*ODD, *ODD_METADATA, *ODD_SETS])
def test_an_answer_without_scores_of_each_text_is_a_problem(base: str, model: str) -> None:
    assert asked(f"{base}/{model}").problem == "its answer has no scores of labels for each text"


@pytest.mark.parametrize(
    ("code", "version", "key", "problem"),
    [
        (400, "", "", "it refuses the request: said: None"),
        (401, "", "", "it wants an API key: said: None"),
        (401, "", "k", "it refuses the API key: said: Bearer k"),
        (403, "", "", "it does not take requests from this server: said: None"),
        (404, "", "", "it does not serve the model now: said: None"),
        (404, "7", "", "it does not serve version 7 now: said: None versions/7"),
        (404, "new", "", "it does not serve the label new now: said: None labels/new"),
        (429, "", "", "it has too much to do just now: said: None"),
        (500, "", "", "HTTP status 500: said: None"),
        (503, "", "", "it cannot answer just now; ask again in a moment: said: None"),
        (504, "", "", "it ended the request, which took too long for it: said: None"),
        (302, "", "k", "it answers from another address (HTTP status 302), which is not asked"),
        (308, "", "k", "it answers from another address (HTTP status 308), which is not asked"),
    ],
)
def test_a_refusal_is_told_in_plain_words(base: str, code: int, version: str, key: str, problem: str) -> None:
    assert asked(f"{base}/{code}", version, key).problem == problem


def test_a_version_that_leaves_between_the_two_requests_is_told(base: str) -> None:
    assert asked(f"{base}/gone-now", "7").problem == "it does not serve version 7 now: said: versions/7:classify"


def test_of_too_much_to_do_the_server_says_what_to_do_or_else_this_side(base: str) -> None:
    assert asked(f"{base}/silent").problem == "it has too much to do just now; ask again in a moment"


def test_halves_of_characters_are_replaced_since_no_page_can_have_them(base: str) -> None:
    assert asked(f"{base}/half-error").problem == "HTTP status 500: half \ufffd, whole \U0001f600"
    (label,) = asked(f"{base}/half-label").scores[0].by_label
    assert label == "half \ufffd, whole \U0001f600"


def test_a_server_that_is_down_or_speaks_no_http_is_told() -> None:
    assert asked(f"http://{HOST}:1/v1/models/x").problem == "no answer (Connection refused)"
    with socket.create_server((HOST, 0)) as silent:
        request = ClassifyRequest(model=f"http://{HOST}:{silent.getsockname()[1]}/v1/models/x", texts=TEXTS)
        started = time.monotonic()
        assert classify(request, 0.3).problem == "no answer within 0.3 s"
        assert time.monotonic() - started < 1

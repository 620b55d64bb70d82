"""Labels in URLs: a name that stands for a version."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.tfx_modules.serving.exported_models import MODEL
from tfx_modules.serving.inference.dataplane import DataPlane
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.models.registry import Registry
from tfx_modules.serving.rest.app import create_app


@pytest.fixture
def registry(served_model: ServedModel) -> Registry:
    """Versions 9 and 10, of which the older one is called stable."""
    made = Registry()
    for version in (9, 10):
        made.begin(MODEL, version)
        made.publish(MODEL, version, served_model)
    made.set_labels(MODEL, {"stable": 9, "to be loaded": 11})
    return made


def ask(registry: Registry, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(DataPlane(registry)))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.request(method, f"/v1/models/{MODEL}{path}", json=body)

    response = asyncio.run(send())
    return response.status_code, response.json()


EXAMPLES = {"examples": [{"text": "so good"}]}


@pytest.mark.parametrize(
    ("verb", "body", "answer"),
    [
        ("predict", {"instances": ["good"], "signature_name": "as_bytes"}, {"predictions": [{"b64": "Z29vZA=="}]}),
        ("classify", {**EXAMPLES, "signature_name": "judge"}, {"results": [[["negative", 0.1], ["positive", 0.9]]]}),
        ("regress", {**EXAMPLES, "signature_name": "rate"}, {"results": [0.9]}),
    ],
)
def test_every_verb_takes_a_label(registry: Registry, verb: str, body: Any, answer: Any) -> None:
    assert ask(registry, "POST", f"/labels/stable:{verb}", body) == (200, answer)


def test_status_and_metadata_are_those_of_the_labels_version(registry: Registry) -> None:
    code, status = ask(registry, "GET", "/labels/stable")
    assert (code, [entry["version"] for entry in status["model_version_status"]]) == (200, ["9"])
    code, metadata = ask(registry, "GET", "/labels/stable/metadata")
    assert (code, metadata["model_spec"]["version"]) == (200, "9")


def test_a_label_of_a_version_that_is_not_there_is_not_found(registry: Registry) -> None:
    code, answer = ask(registry, "POST", "/labels/to%20be%20loaded:predict", {"instances": ["x"]})
    assert (code, answer) == (404, {"error": f"Servable not found for request: Specific({MODEL}, 11)"})

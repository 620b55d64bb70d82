"""Returns the provider metadata of an installed wheel; the entry point ``apache_airflow_provider`` names it."""

import json
from pathlib import Path
from typing import Any

DISTRIBUTION = "airflow-bert-service"
"""Name of the distribution package; Airflow requires that it is the same as the wheel's."""
OPTIONS = Path(__file__).with_name("provider_options.json")
"""The settings' documentation, written by ``make reference`` from their declarations."""
_PACKAGE = __package__ or ""


def get_provider_info() -> dict[str, Any]:
    """Return the provider metadata; Airflow calls this in each of its processes, so it imports nothing of Airflow."""
    return {
        "package-name": DISTRIBUTION,
        "name": "BERT as a Service",
        "description": "Trains, judges and serves a BERT sentiment model from dated reviews with TFX.",
        "config": {
            "bert_service": {
                "description": "BERT as a Service. An empty value stands for the default.",
                "options": json.loads(OPTIONS.read_text(encoding="utf-8")),
            }
        },
        "notifications": [
            f"{_PACKAGE}.notifiers.mail.MailNotifier",
            f"{_PACKAGE}.notifiers.slack.SlackNotifier",
            f"{_PACKAGE}.notifiers.webhook.WebhookNotifier",
        ],
        "extra-links": [f"{_PACKAGE}.webui.report_link.ReportLink"],
    }

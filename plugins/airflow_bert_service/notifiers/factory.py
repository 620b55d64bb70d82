"""Makes the notifier of a channel: one of this project's, or any Airflow notifier."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from airflow.sdk import BaseNotifier

from airflow_bert_service.exceptions import NotificationRefusedError
from airflow_bert_service.settings.channels import Channel, ChannelType


def notifier_of(channel: Channel) -> BaseNotifier:
    """Make a channel's notifier.

    Raises:
        NotificationRefusedError: The channel names a class that does not exist or is no notifier, or ``kwargs`` that
            the class does not have.
    """
    return _MAKERS[channel.type](channel.settings)


def _mail(settings: Mapping[str, Any]) -> BaseNotifier:
    from airflow_bert_service.notifiers.mail import MailNotifier

    return MailNotifier(**settings)


def _slack(settings: Mapping[str, Any]) -> BaseNotifier:
    from airflow_bert_service.notifiers.slack import SlackNotifier

    return SlackNotifier(**settings)


def _webhook(settings: Mapping[str, Any]) -> BaseNotifier:
    from airflow_bert_service.notifiers.webhook import WebhookNotifier

    return WebhookNotifier(**settings)


def _foreign(settings: Mapping[str, Any]) -> BaseNotifier:
    path, arguments = settings["class"], settings.get("kwargs", {})
    module, _, name = path.rpartition(".")
    try:
        made = getattr(import_module(module), name)(**arguments)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise NotificationRefusedError(
            f"notifier {path} cannot be made: {type(error).__name__}: {error}. Install the package of the class, or "
            "correct class and kwargs of the channel."
        ) from error
    if not isinstance(made, BaseNotifier):
        raise NotificationRefusedError(
            f"{path} is no notifier but a {type(made).__name__}; allowed: a subclass of Airflow's BaseNotifier. "
            "Name such a class."
        )
    return made


_MAKERS: Mapping[ChannelType, Callable[[Mapping[str, Any]], BaseNotifier]] = {
    ChannelType.SMTP: _mail,
    ChannelType.SLACK: _slack,
    ChannelType.WEBHOOK: _webhook,
    ChannelType.NOTIFIER: _foreign,
}

"""Notifiers: messages about promotions. Other DAGs may use them like any Airflow notifier.

Layers, each knowing only those below it::

    dispatcher.py                   sends an event to every channel that has not had it
    factory.py                      makes the notifier of a channel
    mail.py slack.py webhook.py     the notifiers; post.py: one HTTP request
    webhook_signature.py            signs what a webhook is sent
    base.py                         what the notifiers share
    message.py                      the texts of a message
"""

"""Notifiers that send messages about promotions. Other DAGs may use them like any Airflow notifier.

Layers, each knowing only those below it::

    dispatcher.py                   sends an event to every channel that was not notified of it yet
    factory.py                      makes the notifier of a channel
    mail.py slack.py webhook.py     the notifiers; post.py: one HTTP request
    webhook_signature.py            signs the body of a webhook's request
    base.py                         what the notifiers share
    message.py                      writes the texts of a message
"""

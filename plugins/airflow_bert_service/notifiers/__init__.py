"""Notifiers: how the world outside hears of promotions.

``notify_promotion`` uses them by the setting ``notifications``; other DAGs may use them like any Airflow notifier.
"""

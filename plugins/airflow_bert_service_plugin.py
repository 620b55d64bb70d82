"""Where Airflow finds the plugin in a plugins folder; an installed wheel announces it by an entry point instead."""

from airflow_bert_service.plugin import BertServicePlugin

__all__ = ["BertServicePlugin"]

"""Registers the plugin from a plugins folder; an installed wheel registers it by an entry point instead."""

from airflow_bert_service.plugin import BertServicePlugin

__all__ = ["BertServicePlugin"]

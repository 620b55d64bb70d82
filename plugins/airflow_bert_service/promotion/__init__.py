"""Promotions on the Airflow side: the ledger's events and the model's asset.

events.py  events of the ledger, as the promotion command prints them
asset.py   the Airflow asset that stands for the model in service
"""

"""What Airflow's side knows of promotions.

events.py  events of the ledger, as the promotion command prints them
asset.py   the Airflow asset that stands for the model in service
"""

"""Promotions on the Airflow side: the ledger's events and the model's asset.

events.py           events of the ledger, as the promotion command prints them
ledger_reader.py    reads them for pages
ledger_database.py  opens the ledger's database for reading
version_files.py    reads which files a version has
measurements.py     reads what an event says was measured
asset.py            the Airflow asset that stands for the model in service
"""

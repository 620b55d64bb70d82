"""Runs the local stack: Airflow's four processes, the node server and the model server, on loopback only."""

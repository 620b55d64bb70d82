"""Pages of Airflow's server."""

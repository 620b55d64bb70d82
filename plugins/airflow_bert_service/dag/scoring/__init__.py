"""The DAG that scores a day's texts."""

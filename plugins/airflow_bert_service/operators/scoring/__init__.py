"""The operator that scores a day's texts, and the fields of its DAG's trigger form."""

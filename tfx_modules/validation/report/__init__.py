"""The HTML report beside a run's anomalies: verdict, numbers and charts, readable without a network."""

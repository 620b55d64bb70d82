"""The page that a run leaves beside its anomalies: verdict, numbers and pictures, readable without a network."""

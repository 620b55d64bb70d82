"""The ML Metadata store as rows: ml_metadata 1.16 can read and write them, and delete none."""

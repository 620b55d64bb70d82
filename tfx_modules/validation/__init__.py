"""The data gate: compares reviews with the schema, with the day before, and with the champion's data."""

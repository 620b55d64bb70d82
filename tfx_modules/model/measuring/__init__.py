"""What the exported forms of a model are compared on: rows of token ids with their labels."""

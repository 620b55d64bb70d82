"""Components that differ from TFX's own, each a subclass with the stock component's name, inputs and outputs."""

"""The data gate: compares reviews with the schema, with the day before, and with the champion's data."""

import tfx  # noqa: F401 - before TFDV, which needs what TFX puts in the place of a module that tfx_bsl no longer has

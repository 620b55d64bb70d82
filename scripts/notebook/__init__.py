"""Runs a notebook's cells in the TFX environment, whatever Python the notebook itself has (:mod:`.handover`)."""

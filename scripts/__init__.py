"""Commands that run the project on one machine: set-up, the local stack, checks."""

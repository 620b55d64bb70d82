"""The sub-command that scores a day's texts."""

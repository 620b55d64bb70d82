"""Curves over data dates: which numbers of verdicts they show (``series``), and where they are drawn (``layout``)."""

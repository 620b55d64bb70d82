"""The gate on data: reviews compared with what they should be, with the day before, and with the champion's."""

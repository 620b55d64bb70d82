"""The template of all reports: one HTML file with its pictures inside, which loads nothing and runs no script."""

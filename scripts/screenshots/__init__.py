"""The pictures of the running UI that README.md shows, made anew by `make screenshots`.

__main__.py   starts a stack of its own, runs the DAG and takes the pictures
pictures.py   what is in each picture
reviews.py    the reviews of the run: the sample's days, the last with labels that broke
chromium.py   a headless Chromium that is steered through a pipe
"""

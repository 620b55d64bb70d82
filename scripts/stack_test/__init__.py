"""`make stack-test`: builds the images, runs the container stack, kills and restarts its services, checks its data.

Needs a Docker engine and a Compose client; no registry. Linux, as root or with sudo's rights, for debootstrap.
"""

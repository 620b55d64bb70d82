"""`make stack-test`: builds the images, runs the container stack, harms it, and sees that nothing is lost.

Needs a Docker engine and a Compose client; no registry. Linux, as root or with sudo's rights, for debootstrap.
"""

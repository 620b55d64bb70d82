"""The commands. Each module is one command; they know all other packages, and no other package knows them."""

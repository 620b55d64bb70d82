"""Code that several packages share: the parent-death signal, addresses of databases, the command's name."""

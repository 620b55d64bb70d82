"""Code that several packages share: the parent-death signal, file locks and atomic writes, databases, the program."""

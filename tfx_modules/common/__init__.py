"""What several packages need and none of them owns: the parent-death signal, and addresses of databases."""

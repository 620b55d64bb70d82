"""HTTP on one connection."""

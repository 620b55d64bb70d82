"""Finds what earlier runs have left, by strategies whose code is no part of the components' code versions."""

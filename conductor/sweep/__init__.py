"""Reads the power of every node, at a controlled pace."""

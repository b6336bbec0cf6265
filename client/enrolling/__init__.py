"""Checks of the values of a node, including those of its driver."""

"""Restores the wanted power state of nodes, and decides when this is safe."""

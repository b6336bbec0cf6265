"""The nodes of this worker, in memory: which nodes it owns, and their state."""

"""The nodes of this worker, in memory: which it owns, and what it knows of them."""

"""Records results: gathers them in piles and writes them in few transactions."""

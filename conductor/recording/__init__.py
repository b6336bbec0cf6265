"""Writing down what was learned: gathered in piles, and written in few transactions."""

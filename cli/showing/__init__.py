"""Shows results to people at a terminal; programs get cliff's formats."""

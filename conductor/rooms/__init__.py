"""Where code runs: each driver's loop, threads and visits to its nodes, and the threads for SQL."""

"""Where code runs: the loop, threads and turns of each driver, and the threads for SQL."""

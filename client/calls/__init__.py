"""The calls of Podium: each with its parameters, its answer, and its place in the HTTP API."""

"""What people may ask of Podium: each call with its parameters, its answer, and its place in the HTTP API."""

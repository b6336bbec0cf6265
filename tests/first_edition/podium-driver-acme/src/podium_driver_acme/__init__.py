"""A Podium driver: Acme."""

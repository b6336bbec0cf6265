"""What ``podium driver try`` is made of: one node of a driver, in a room like the conductor's."""

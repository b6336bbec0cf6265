"""The parts of ``podium driver try``: one node of a driver, in a room like the conductor's."""

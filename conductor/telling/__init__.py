"""What leaves the conductor for people and programs: figures, metrics, notifications."""

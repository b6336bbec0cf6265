"""Reports for people and programs: figures, metrics and notifications."""

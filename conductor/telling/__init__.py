"""Reports for users and programs: figures, metrics and notifications."""

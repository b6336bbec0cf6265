"""What was learned, on its way into the database."""

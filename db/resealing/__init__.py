"""Re-encrypts secrets in the database: with another key, or for the first time."""

"""Authentication, roles, and the record of requests."""

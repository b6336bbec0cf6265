"""What people may ask of Podium, and what their values must be: beneath the command line and the API."""

"""What a BMC reports of its machine: sensors, their records, and FRU data."""

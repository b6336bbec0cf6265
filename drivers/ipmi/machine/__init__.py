"""What a BMC reports about its machine: sensors, their records, and FRU data."""

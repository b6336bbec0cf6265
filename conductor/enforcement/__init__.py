"""When the conductor itself may switch a node."""

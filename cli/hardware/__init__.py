"""What nodes can do beside their power: commands that read their hardware, and those that change it."""

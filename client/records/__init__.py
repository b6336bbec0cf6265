"""What people and their programs note about nodes, ports and chassis."""

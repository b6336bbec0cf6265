"""Reading the power of every node, in pace."""

"""What the values of a node must be, and what drivers say of them."""

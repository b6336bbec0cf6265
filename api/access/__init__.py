"""Who asks, what each may do, and the record of what was asked."""

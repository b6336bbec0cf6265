"""Commands for the hardware of nodes besides power: those that read it, and those that change it."""

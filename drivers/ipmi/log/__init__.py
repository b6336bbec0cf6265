"""The log that a BMC keeps of its machine (SEL), and the clock by which it is written."""

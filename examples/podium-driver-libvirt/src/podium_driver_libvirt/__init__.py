"""A Podium driver for virtual machines of hypervisors that libvirt supports."""

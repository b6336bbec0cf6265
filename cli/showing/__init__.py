"""What people see of results at a terminal; programs get cliff's formats."""

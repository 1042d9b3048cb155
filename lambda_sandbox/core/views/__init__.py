"""What people see: traces, pages, the lifecycle explained."""

"""What a sandbox touches: sockets, processes, files and the clock."""

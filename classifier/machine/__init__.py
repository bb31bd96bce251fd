"""What this process may use of its machine, CPUs and memory, and how pictures share it."""

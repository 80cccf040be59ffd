"""What `gridcall` can be told, by kind. Heavy imports stand inside the commands: --help and `example` stay fast."""

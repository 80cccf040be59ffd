"""Talks back to sources: asks for what we missed, and tells what became of their events."""

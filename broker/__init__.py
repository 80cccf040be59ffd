"""The durable hand-off from whoever accepts a message to the router."""

"""The analysis agents, on a real NATS server and as real processes."""

"""Real processes, a RabbitMQ and a PostgreSQL of their own, and SIGKILL at named points: `make crash`."""

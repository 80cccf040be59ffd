"""Settings, the roster file and the demo roster. Read and validated whole at start; nothing below reads them again."""

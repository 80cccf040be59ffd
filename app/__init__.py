"""Entry points, and the only wiring: everything below is handed its collaborators from here."""

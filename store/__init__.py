"""The database. Store functions are plain functions of a Connection, one file per noun; `database.py` runs them."""

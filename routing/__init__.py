"""Who is told, how and by when. Loops: router, reviser. Everything else is pure."""

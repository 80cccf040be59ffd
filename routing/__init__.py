"""Who is told, how, and by when. Pure decisions, and two loops that act on them: router and reviser."""

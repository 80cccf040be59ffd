"""Deliver: dispatcher and reconciler are the loops, channels speak to vendors, wording says what people read."""

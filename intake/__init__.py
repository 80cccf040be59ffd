"""Foreign message -> Reading. Pure: no clock, no store, no network. One file per format, listed in read.py."""

"""Twilio's REST API 2010-04-01 for calls and messages, as far as alerting needs it.

Modelled because the deadline hangs on it: the calls-per-second queue, the cap on calls at once, ringing time, menus.
"""

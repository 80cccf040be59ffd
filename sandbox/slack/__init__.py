"""Slack's Web API and its interactive buttons, as far as alerting needs them. Every workspace id here is made up."""

"""The Telemetry API and the Logs API: extensions that subscribe, and the delivery to them."""

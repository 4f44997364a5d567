"""What makes the gateway a good service: notices to systemd, sockets from it, the watchdog, and reloading."""

"""`smtpgate` and `python -m smtpgate`."""

from __future__ import annotations

from smtpgate.cli.main import cli


def main() -> None:
    """Run the command line; ends the process with the exit code that `smtpgate --help` lists."""
    cli.main(prog_name="smtpgate")


if __name__ == "__main__":
    main()

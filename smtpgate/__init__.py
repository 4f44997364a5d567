"""smtpgate: a mail gateway that makes a help desk out of e-mail alone."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("smtpgate")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+source"

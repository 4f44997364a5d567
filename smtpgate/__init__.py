"""smtpgate: a mail gateway that makes a help desk out of e-mail alone."""

import os

__version__ = "0.1.0"

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some, it reads about every package that is installed

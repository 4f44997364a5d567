"""`python -m smtpgate.processes ROLE PARENT`: how the main process starts another one in place of one that died (child.spawn)."""

import os
import socket
import sys

from smtpgate.processes.child import run

if __name__ == "__main__":
    run(sys.argv[1], socket.socket(fileno=os.dup(0)), int(sys.argv[2]))

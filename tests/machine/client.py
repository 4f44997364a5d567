"""Runs inside the machine: sends mail without pause until a file is there, and prints what came of it as JSON.

A 421 or a connection cut off by a stop is an answer: the same mail is sent again. A refused connection is not.
"""

import json
import smtplib
import sys
import threading
import time
from email.message import EmailMessage
from pathlib import Path

END = Path(sys.argv[1])
refused: list[str] = []
accepted: list[str] = []
greeted: list[float] = []  # seconds until each greeting


def client(name: str) -> None:
    count = 0
    while not END.exists():
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "alice@customer.example", "support@help.example", f"Case {name} {count}"
        mail["Message-ID"] = f"<{name}.{count}@customer.example>"
        mail.set_content(f"Text {name} {count}")
        began = time.monotonic()
        try:
            with smtplib.SMTP("127.0.0.1", 25, local_hostname="client.example", timeout=60) as smtp:
                greeted.append(time.monotonic() - began)
                smtp.send_message(mail)
                accepted.append(f"{name}.{count}@customer.example")
                count += 1
        except ConnectionRefusedError as error:
            refused.append(str(error))
        except (smtplib.SMTPException, OSError):
            pass
        time.sleep(0.02)


threads = [threading.Thread(target=client, args=(name,)) for name in ("a", "b", "c")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"refused": refused, "accepted": accepted, "slowest": max(greeted)}))

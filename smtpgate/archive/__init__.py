"""Readers of old mail: mbox, Maildir, folders of single mails, public-inbox. They only read, and know nothing of tickets."""

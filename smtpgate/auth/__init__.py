"""Who sent it.

    verdict     the one answer, made of all below           (intake and explain ask here)
    spf dkim dmarc arc     one mechanism each; message and keys are what signatures need
    results     Authentication-Results, written and read
    dns         the resolver, its cache, the zone file, the budget of one mail
    sign        signatures on our own mail

Imports mail.header, mail.address and mail.safe, nothing above. Nothing here raises for any mail.
"""

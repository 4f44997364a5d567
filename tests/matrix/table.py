"""What becomes of each: 49 forms of evidence x 5 who write x 3 doors, one line for each form.

A word of five letters stands for a door: what becomes of the mail of an agent who answers a notification, of one who is no agent
any more and does so too, of the customer who answers without his signed address, of a stranger who writes for the first time, of a
machine that answers in the customer's name.

    S  sent to the customer, as the agent's answer
    A  held, and the agent is asked at his own address whether it is his
    H  held: agents see it, nobody outside hears anything
    N  opens a ticket, acknowledged        n  opens one, with a short notice       o  opens one silently
    J  joins the ticket                    w  joins, marked weak                   u  joins, marked unverified
    t  shown as a third party's: adds nobody, reopens nothing, sends nothing       i  kept inside, a note
    M  noted as a machine's                R  kept as a repeat of what is there    X  refused at the door

The doors: MX; LMTP from a mail server of ours whose Authentication-Results we are told to believe; LMTP from one that says nothing.
Behind the last SPF cannot be checked, since the client is our own relay: a signature is all that can speak for a mail.

threats 4.4 has four rows that we decide otherwise, each to the safe side or for a reason:
    p=none fails           4.4 opens a ticket marked unverified; we hold it (policy.dmarc_none = "unverified" is 4.4's way)
    temperror              4.4 defers agents' mail with 451; we take it and hold it, with a question to the agent: a mail that is
                           ours already cannot be lost by a client that gives up (policy.temperror = "defer" is 4.4's way)
    none published         4.4 sends no acknowledgement; we send a proved domain's sender the ordinary one, within the same caps
    no evidence at all     one short notice a day, without a word of the mail's
"""

from __future__ import annotations

DOORS = ("MX", "LMTP-AR", "LMTP")
ROLES = ("agent", "ex-agent", "participant", "outsider", "machine")

# fmt: off
TABLE: dict[str, tuple[str, str, str]] = {
    #                               MX       LMTP-AR  LMTP
    "no auth":                     ("AHHnM", "AHHnM", "AHHnM"),
    "SPF pass aligned":            ("AHwNM", "AHwNM", "HHHHH"),
    "SPF pass unaligned":          ("HHHHH", "HHHHH", "HHHHH"),
    "SPF shared host":             ("AHwNM", "AHwNM", "HHHHH"),  # as good as the own host, and so never enough for an agent
    "DKIM aligned":                ("SHJNM", "SHJNM", "SHJNM"),
    "DKIM other domain":           ("HHHHH", "HHHHH", "HHHHH"),
    "DKIM l=":                     ("HHHHH", "HHHHH", "HHHHH"),  # the front lets it pass; what it leaves open is ours to see
    "DKIM sha1":                   ("HHHHH", "HHHHH", "HHHHH"),  # likewise
    "DKIM 512":                    ("HHHHH", "HHHHH", "HHHHH"),
    "DKIM 1024":                   ("SHJNM", "SHJNM", "SHJNM"),  # RFC 8301 §3.2: verifiers take them; shown in the reasons
    "DKIM t=y":                    ("HHHHH", "HHHHH", "HHHHH"),
    "DKIM expired":                ("HHHHH", "HHHHH", "HHHHH"),
    "DKIM revoked":                ("HHHHH", "HHHHH", "HHHHH"),
    "DKIM replayed":               ("RHRRM", "RHRRM", "RHRRM"),  # the very same mail again does nothing again
    "DKIM duplicate Subject":      ("HHHHH", "HHHHH", "HHHHH"),
    "DKIM duplicate From":         ("HHHHH", "HHHHH", "HHHHH"),
    "DKIM From not signed":        ("HHHHH", "HHHHH", "HHHHH"),
    "DKIM 50 signatures":          ("HHHHH", "SHJNM", "HHHHH"),  # we look at five; this front looked at all and found the good one
    "DMARC none":                  ("HHHHH", "HHHHH", "HHHHH"),
    "DMARC quarantine":            ("HHHHH", "HHHHH", "HHHHH"),
    "DMARC reject":                ("HHHHH", "HHHHH", "HHHHH"),  # RFC 9989 §7.4; policy.dmarc_fail = "refuse" makes them X
    "DMARC np":                    ("HHHHH", "HHHHH", "HHHHH"),
    "DMARC psd":                   ("HHHHH", "HHHHH", "HHHHH"),  # a sister below the same public suffix is somebody else
    "DMARC tree walk 9 labels":    ("SHJNM", "SHJNM", "SHJNM"),
    "DMARC two records":           ("AHHNM", "AHHNM", "AHHNM"),  # several are none; the domain's own signature holds
    "DMARC temperror":             ("AHHnM", "AHHnM", "AHHnM"),
    "ARC good sealer":             ("AHHNM", "HHHHH", "AHHNM"),  # named in auth.arc_sealers; a front judges ARC itself
    "ARC bad":                     ("HHHHH", "HHHHH", "HHHHH"),
    "ARC forged":                  ("HHHHH", "HHHHH", "HHHHH"),
    "A-R forged top":              ("HHHHH", "HHHHH", "HHHHH"),
    "A-R forged bottom":           ("HHHHH", "HHHHH", "HHHHH"),
    "A-R forged our id":           ("HHHHH", "HHHHH", "HHHHH"),
    "A-R fold tricks":             ("HHHHH", "HHHHH", "HHHHH"),
    "From two addresses":          ("HHHHH", "HHHHH", "HHHHH"),
    "From group":                  ("HHHHH", "HHHHH", "HHHHH"),
    "From empty":                  ("HHHHH", "HHHHH", "HHHHH"),
    "From null byte":              ("HHHHH", "HHHHH", "HHHHH"),
    "From encoded-word":           ("HHHHH", "HHHHH", "HHHHH"),
    "From look-alike":             ("HHNNM", "HHNNM", "HHNNM"),  # well proved, and somebody else: a ticket of his own
    "From quoted local":           ("HHHHH", "HHHHH", "HHHHH"),
    "From comment":                ("HHHHH", "HHHHH", "HHHHH"),
    "From a@b@c":                  ("HHHHH", "HHHHH", "HHHHH"),
    "Reply-To not From":           ("SHJNM", "SHJNM", "SHJNM"),  # Reply-To is nobody, and gets nothing
    "Sender not From":             ("SHJNM", "SHJNM", "SHJNM"),
    "null sender with token":      ("MMMMM", "MMMMM", "MMMMM"),
    "token right, person wrong":   ("AHHHM", "AHHHM", "AHHHM"),  # another agent's address
    "token of another ticket":     ("AHNNM", "AHNNM", "AHNNM"),  # the agent answers our mail about one at the address of another
    "expired token":               ("AtJNM", "AtJNM", "AtJNM"),  # as without; who is no agent any more is a third party
    "legacy token":                ("AtJNM", "AtJNM", "AtJNM"),  # there never was another form
}
# fmt: on

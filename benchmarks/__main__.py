"""`python -m benchmarks`, which is `make bench`: what reading a mail costs, then the whole gateway.

`mail` alone is the first, `stages` says where the gateway's CPU time goes, `filing` what lies between the two commits,
`growth` what a store that has grown costs, `nodes` compares the stores, `goals` compares with peers, `sending` drains a full
queue, and other arguments are for the second alone.
"""

from __future__ import annotations

import sys

from benchmarks import filing, goals, growth, intake, mail, nodes, sending, stages

if __name__ == "__main__":
    if sys.argv[1:] == ["stages"]:
        sys.exit(stages.main())
    if sys.argv[1:] == ["filing"]:
        sys.exit(filing.main())
    if sys.argv[1:2] == ["goals"]:
        sys.exit(goals.main(sys.argv[2:]))
    if sys.argv[1:2] == ["nodes"]:
        sys.exit(nodes.main(sys.argv[2:]))
    if sys.argv[1:2] == ["sending"]:
        sys.exit(sending.main(sys.argv[2:]))
    if sys.argv[1:2] == ["growth"]:
        sys.exit(growth.main(sys.argv[2:]))
    if sys.argv[1:] in ([], ["mail"]):
        mail.main()
    sys.exit(0 if sys.argv[1:] == ["mail"] else intake.main())

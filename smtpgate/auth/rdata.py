"""Records of dnspython as plain values: host names without their last dot, texts as octets. Pure."""

from __future__ import annotations

from typing import Any

import dns.name


def host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if len(name) > 1 else "."


def record(rdata: Any, rdtype: str) -> Any:
    match rdtype:
        case "TXT":
            return tuple(rdata.strings)
        case "MX":
            return (int(rdata.preference), host(rdata.exchange))
        case "A" | "AAAA":
            return str(rdata.address)
        case "PTR" | "NS" | "CNAME":
            return host(rdata.target)
        case _:
            return str(rdata.to_text())


def size(record: Any) -> int:
    return sum(map(size, record)) if isinstance(record, tuple) else len(record) if isinstance(record, str | bytes) else 4

"""Every finding by its id, with what it means: doctor's manual page is made from this."""
from __future__ import annotations

FINDINGS: dict[str, str] = {
}

"""What the embedded data file has to be."""

from __future__ import annotations

EMOJI_SHA256 = "23ab82f31fb83616c20fb60c0710451f61b632a87241de1ce79dd4dd4db08d72"
EMOJI_CONTENT_SHA256 = "4acc4082ea5792a2b17ab430d17b3916d4ce61ccb5699c79da045ad57bd57065"

#!/bin/sh
# tokenizers 0.23.3.
#
# Guess: the Lowercase normalizer gives what str.lower gives: both follow Unicode.
# Seen: it lowers each letter by itself and knows no neighbours.  A capital sigma at the end of a Greek
# word becomes the letter for the middle of words, so a fast tokenizer and one in Python see different
# words, and different ids, in every other Greek caption that was written in capitals.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check tokenizers==0.23.3
PYTHONIOENCODING=utf-8 "$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
from tokenizers import normalizers

for text in ("KOALA", "ΟΔΟΣ", "ΣΟΦΟΣ"):
    fast, python = normalizers.Lowercase().normalize_str(text), text.lower()
    print(text, fast, python, "same" if fast == python else "DIFFERENT")
PYTHON
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
KOALA koala koala same
ΟΔΟΣ οδοσ οδος DIFFERENT
ΣΟΦΟΣ σοφοσ σοφος DIFFERENT
SEEN

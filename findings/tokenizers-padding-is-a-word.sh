#!/bin/sh
# tokenizers 0.23.3.
#
# Guess: enable_padding() on a tokenizer without a padding token fails, or adds one.
# Seen: it pads with id 0, whatever word that is, and shows it as [PAD], which the vocabulary does not
# have: the tokens look padded, the ids and their decoding repeat a real word.  Who embeds such a batch
# without the attention mask embeds other texts.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check tokenizers==0.23.3
"$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
from tokenizers import Tokenizer, models, pre_tokenizers

tokenizer = Tokenizer(models.WordLevel({"bee": 0, "a": 1, "red": 2, "[UNK]": 3}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.enable_padding()
short, _ = tokenizer.encode_batch(["a", "a red bee"])
print(short.ids, short.tokens, tokenizer.token_to_id("[PAD]"), tokenizer.decode(short.ids))
PYTHON
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
[1, 0, 0] ['a', '[PAD]', '[PAD]'] None a bee bee
SEEN

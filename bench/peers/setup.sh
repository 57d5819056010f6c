#!/usr/bin/env bash
# Makes the Python environment of the peers, once, from the official packages in requirements.txt.
# Where: $HASHBROOK_PEERS, or hashbrook/peers in the user's cache folder. Prints that folder.
# Exit 3, with one line on standard error, where python3 or the packages cannot be had: the comparison is skipped then.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
folder="${HASHBROOK_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/hashbrook/peers}"
made="$folder/requirements.made"

skip() {
  echo "peers: skipped: $1" >&2
  exit 3
}

if [ -x "$folder/bin/python" ] && cmp -s "$here/requirements.txt" "$made"; then
  echo "$folder"
  exit 0
fi

command -v python3 > /dev/null || skip "there is no python3"
# A folder of somebody's own is not ours to empty.
if [ -d "$folder" ] && [ -n "$(ls -A "$folder")" ] && [ ! -f "$folder/pyvenv.cfg" ]; then
  skip "$folder is not a virtual environment"
fi
# Without its packages the environment would look ready, so a half-made one is removed, however this ends.
rm -rf "$folder"
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$(dirname "$folder")"
python3 -m venv "$folder" > "$folder.log" 2>&1 ||
  skip "python3 cannot make a virtual environment (see $folder.log)"
echo "peers: installing PyTorch and Vowpal Wabbit, about 3 GB to download (log: $folder.log)" >&2
if ! "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --retries 1 -r "$here/requirements.txt" >> "$folder.log" 2>&1; then
  skip "the packages cannot be installed: $(grep -v '^ *$' "$folder.log" | tail -1)"
fi
cp "$here/requirements.txt" "$made"
trap - EXIT
echo "$folder"

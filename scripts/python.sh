#!/usr/bin/env bash
# Makes the Python environment of examples/python and of the tests that compare with it, once: hashbrook/python in the user's
# cache folder. Prints its interpreter (for HASHBROOK_PYTHON).
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
wanted() { cat "$root/examples/python/requirements.txt" "$root/test/requirements.txt"; }
folder="${XDG_CACHE_HOME:-$HOME/.cache}/hashbrook/python"

if ! cmp -s <(wanted) "$folder/requirements.made"; then
  rm -rf "$folder"
  mkdir -p "$(dirname "$folder")"
  if ! python3 -m venv "$folder" > "$folder.log" 2>&1; then
    # Debian keeps venv in a package of its own.
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-venv; } >> "$folder.log" 2>&1
    rm -rf "$folder"
    python3 -m venv "$folder"
  fi
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r <(wanted) >&2
  wanted > "$folder/requirements.made"
fi
echo "$folder/bin/python"

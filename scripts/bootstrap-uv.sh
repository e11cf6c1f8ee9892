#!/bin/sh
# A Debian without pip: get it from python3-venv's ensurepip, or say what to install.
set -eu
python="$1"
if "$python" -m venv .tools/boot 2>/dev/null; then
  .tools/boot/bin/pip install -q --disable-pip-version-check --target .tools uv && exit 0
fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-pip python3-venv >/dev/null
  exec "$python" -m pip install -q --disable-pip-version-check --target .tools uv
fi
echo "pip is missing: apt-get install python3-pip, then run make again" >&2
exit 1

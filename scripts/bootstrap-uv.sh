#!/bin/sh
# Puts uv into .tools, on a Python without pip too: with ensurepip where Debian has it, else with Debian's python3-pip.
set -eu
python="$1"
target="install -q --disable-pip-version-check --root-user-action ignore --no-warn-script-location --target .tools uv"
# shellcheck disable=SC2086
pip() { "$python" -m pip $target; }

if "$python" -m pip --version >/dev/null 2>&1; then pip; exit; fi
if "$python" -c 'import ensurepip' >/dev/null 2>&1 && "$python" -m venv .tools/boot >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  .tools/boot/bin/pip $target
  exit
fi
as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
  echo "installing python3-pip"
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip >/dev/null 2>&1
  pip
  exit
fi
echo "pip is missing and this user may not install it: ask for 'apt-get install python3-pip', then run make again" >&2
exit 1

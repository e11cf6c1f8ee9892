#!/bin/sh
# Installs Debian's Prosody, ejabberd, PostgreSQL and xmlsec1 where they are missing and this user may. Their services
# are not used: the tests start them unprivileged, on free loopback ports or sockets of their own. Without them, those
# tests are skipped with a reason.
set -eu
missing=""
command -v prosody >/dev/null 2>&1 || missing="$missing prosody"
command -v ejabberdctl >/dev/null 2>&1 || [ -x /usr/sbin/ejabberdctl ] || missing="$missing ejabberd"
command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 ||
  missing="$missing postgresql"
command -v xmlsec1 >/dev/null 2>&1 || missing="$missing xmlsec1"
[ -z "$missing" ] && exit 0
command -v apt-get >/dev/null 2>&1 || { echo "no apt-get here: tests against$missing will be skipped"; exit 0; }
as_root=""
if [ "$(id -u)" -ne 0 ]; then
  if sudo -n true 2>/dev/null; then as_root="sudo -n"; else
    echo "not root: tests against$missing will be skipped (apt-get install$missing to have them)"; exit 0
  fi
fi
echo "installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null

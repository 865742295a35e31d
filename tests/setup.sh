#!/usr/bin/env bash
# Installs what the integration tests need beyond Rust and Node, from Debian's packages: Chromium, PostgreSQL, NATS. Does nothing
# for what is there; starts nothing, the tests do.
set -euo pipefail
missing=()
command -v chromium >/dev/null || missing+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
command -v nats-server >/dev/null || missing+=(nats-server)
if [ ${#missing[@]} -eq 0 ]; then
  echo "chromium, postgresql, nats-server are installed"
  exit
fi
echo "installing ${missing[*]}"
apt-get update -qq
# The packages would start servers of their own.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d.tm && chmod +x /usr/sbin/policy-rc.d.tm
[ -e /usr/sbin/policy-rc.d ] || { mv /usr/sbin/policy-rc.d.tm /usr/sbin/policy-rc.d; trap 'rm -f /usr/sbin/policy-rc.d' EXIT; }
rm -f /usr/sbin/policy-rc.d.tm
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null

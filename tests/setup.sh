#!/usr/bin/env bash
# Installs what the integration tests need beyond Rust and Node: Debian's Chromium. Does nothing when it is there.
set -euo pipefail
if command -v chromium >/dev/null; then
  echo "chromium is installed"
else
  echo "installing chromium"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
fi

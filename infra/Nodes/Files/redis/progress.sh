# shellcheck shell=bash
# How a command for operators says what it does: a line with the milliseconds since its start, and a last one when it stops. Sourced.

began=$(date +%s%N)

# say TEXT
say() {
  local now
  now=$(date +%s%N)
  # Whoever watched may be gone: that ends nothing.
  printf '%7d ms  %s\n' $(((now - began) / 1000000)) "$1" 2>/dev/null || true
}

# stop REASON
stop() {
  echo "${0##*/}: $1" >&2
  exit 1
}

# shellcheck shell=bash
# On the bastion: waits until its cloud-init has hardened the SSH server.
# arguments: SECONDS
set -euo pipefail
limit=$1

SECONDS=0
until [ -e /var/lib/redis-ha/ready ]; do
  if ((SECONDS >= limit)); then
    echo "the bastion's cloud-init has not ended well after $limit s; the end of its log:" >&2
    tail -n 20 /var/log/cloud-init-output.log >&2 || true
    exit 1
  fi
  sleep 1
done

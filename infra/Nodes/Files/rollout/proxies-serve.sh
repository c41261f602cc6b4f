# shellcheck shell=bash
# On the bastion: waits until the proxies have served for so long that the load balancer, too, knows it.
# arguments: SECONDS STEADY-SECONDS PORT NAME=ADDRESS...
set -euo pipefail
limit=$1 steady=$2 port=$3
shift 3

SECONDS=0
since=''
while true; do
  missing=''
  for entry in "$@"; do
    code=$(curl --silent --noproxy '*' --output /dev/null --max-time 2 --write-out '%{http_code}' "http://${entry#*=}:$port/healthz" </dev/null) || true
    if [ "$code" != 200 ]; then missing="${entry%%=*} does not serve: its /healthz at ${entry#*=}:$port does not answer 200 (got $code)"; fi
  done
  if [ -n "$missing" ]; then
    since=''
    if ((SECONDS >= limit)); then
      echo "$missing, after $limit s. No further machine was changed; bring it back, then run pulumi up again" >&2
      exit 1
    fi
  else
    : "${since:=$SECONDS}"
    if ((SECONDS - since >= steady)); then break; fi
  fi
  sleep 1
done
echo "serving: ${*%%=*}"

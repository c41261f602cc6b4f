# shellcheck shell=bash
# On a node, as root: waits for the first boot, applies the payload unless the node has it already, and waits until the node does
# its job. Rollout puts the arguments before this text and the payload, a script of its own, in place of its mark.
# arguments: NAME PAYLOAD-IDENTIFIER SECONDS PASS [NODE...] (nodes that are dead and left out)
#   PASS "secrets": a new machine gets its first whole payload, and nothing is waited for: the first node of a new cluster is not ready
#   before the others have theirs. A machine that has had one is left to the other passes, which go one node at a time.
#   PASS "accept": the passwords of the payload become valid on a node, besides those that are. PASS "retire": only they are valid from now on.
#   PASS "replicas": the master is left as it is, for the second pass. PASS "all": it is switched over first where that is needed.
set -euo pipefail
name=$1 payload=$2 limit=$3 pass=$4
shift 4
absent=("$@")
# Empty on a node; a test rolls out into a directory.
root=${REDIS_HA_ROOT:-}
# sudo's own path lacks /usr/local on Oracle Linux.
export PATH=$root/usr/local/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
markers=$root/var/lib/redis-ha
said=$markers/rollout.said
umask 077
mkdir -p "$markers"
chmod 755 "$markers"

say() {
  echo "$name: $1"
}

give_up() {
  say "$1" >&2
  exit 1
}

role() {
  redis-ha-cli redis -- INFO replication 2>/dev/null </dev/null | tr -d '\r' | sed -n 's/^role://p'
}

# apply: what it says is shown and kept, the last line for the reason. With -p tee goes on when nobody is shown anything any more.
apply() {
  bash -s <<'REDIS_HA_END_OF_PAYLOAD' 2>&1 | tee -p "$said"
{{payload}}
REDIS_HA_END_OF_PAYLOAD
}

# not_done TEXT: ends with what the payload gave as its reason.
not_done() {
  give_up "$1: $(sed 's/^redis-ha: //; s/^FAILED //' "$said" | grep . | tail -n 1 || echo 'it said nothing')"
}

# Another node becomes master and this one its replica, in step with it, as all others are.
switch_over() {
  say 'is the master; switching over'
  local node without=()
  for node in ${absent[@]+"${absent[@]}"}; do without+=(--without "$node"); done
  redis-ha-switchover --complete ${without[@]+"${without[@]}"} --wait 60 </dev/null ||
    give_up 'the switchover was not possible; the reason is above. This node was not restarted; bring back what is missing, then run this again'
  # Its payload is not applied yet, so its health is all that counts here.
  redis-ha-wait-ready --health "$limit" </dev/null
}

# cloud-init runs the payload without secrets at the first boot, which leaves a marker; its end without one shows that it never came so far.
SECONDS=0
until [ -e "$markers/awaits-secrets" ] || [ -e "$markers/ready" ] || [ -e "$markers/failed" ] || [ -e "$root/run/cloud-init/result.json" ]; do
  if ((SECONDS >= limit)); then
    tail -n 20 "$root/var/log/cloud-init-output.log" >&2 || true
    give_up "cloud-init has not ended after $limit s; the end of its log is above"
  fi
  sleep 0.5
done

if [ "$pass" = secrets ]; then
  if [ -e "$markers/configured" ] || [ -e "$markers/ready" ]; then
    say 'has its secrets already'
  else
    apply || not_done 'the payload could not be applied'
    say 'has got its secrets'
  fi
  exit 0
fi

if [ "$pass" = accept ] || [ "$pass" = retire ]; then
  REDIS_HA_PASSWORDS=$pass apply || not_done 'the passwords could not be changed'
  exit 0
fi

if [ "$(cat "$markers/ready" 2>/dev/null)" != "$payload" ]; then
  if [ "$pass" = replicas ] && command -v redis-ha-cli >/dev/null && [ "$(role)" = master ]; then
    say 'is the master: left for the second pass'
    exit 0
  fi
  if ! apply; then
    grep -q 'switch the master over first' "$markers/failed" 2>/dev/null || not_done 'the payload could not be applied'
    switch_over
    apply || not_done 'the payload could not be applied'
  fi
fi
redis-ha-wait-ready "$limit" "$payload" </dev/null

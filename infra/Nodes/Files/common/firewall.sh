#!/usr/bin/env bash
# The host's own rules on outgoing connections, as nftables tables that nobody else owns; loaded where they are absent or not as they ought to be.
#   redis_ha_metadata  the metadata service answers every local process, and hands out what the instance's metadata holds: root may
#                      ask, and the accounts of Oracle Cloud's own agent, without which there are no metrics of the machine. DNS and
#                      time at the same address stay open to all.
#   redis_ha_egress    on Redis nodes: the accounts redis and redis-ha open connections to the Redis nodes of this cluster and within
#                      the machine, and to nobody else. So a redis-server or a Sentinel that was led astray never logs in at a
#                      stranger with the cluster's passwords.
# Runs at boot, at every apply and every half minute (redis-ha-firewall.timer), since "nft flush ruleset" or a restart of
# nftables.service takes all tables away. Each rule's comment is a digest of its table, so a look tells whether all of it is there.
# Accounts that appear later are found by the next run.
set -euo pipefail

root=${REDIS_HA_ROOT:-}
# shellcheck disable=SC1091
. "$root/etc/redis-ha/node.env"

# numbers_of ACCOUNT...: of those that exist, separated by commas.
numbers_of() {
  local account number found=''
  for account; do
    if number=$(id -u "$account" 2>/dev/null); then
      found+=${found:+, }$number
    fi
  done
  echo "$found"
}

# ensure FAMILY TABLE CHAINS: in CHAINS, each rule ends with the mark @.
ensure() {
  local family=$1 table=$2 chains=$3 digest wanted found
  digest=$(sha256sum <<<"$chains" | cut -c 1-16)
  wanted=${chains//[^@]/}
  found=$(nft list table "$family" "$table" 2>/dev/null | grep -c -F "comment \"$digest\"") || true
  if [ "$found" = "${#wanted}" ]; then
    return 0
  fi
  # One transaction: there is no moment without the former rules.
  nft -f - <<TEXT
table $family $table
delete table $family $table
table $family $table {
${chains//@/comment \"$digest\"}
}
TEXT
  # <5>: a notice; what systemd itself says of each run is below the unit's LogLevelMax.
  echo "<5>loaded the table $family $table"
}

ensure ip redis_ha_metadata "  chain output {
    type filter hook output priority -10; policy accept;
    ip daddr 169.254.169.254 tcp dport 80 meta skuid != { $(numbers_of root snap_daemon oracle-cloud-agent) } counter reject with tcp reset @
  }"

if [ "$REDIS_HA_ROLE" = redis ]; then
  nodes=''
  for entry in $REDIS_HA_NODES; do
    nodes+=${nodes:+, }${entry#*=}
  done
  # A connection is opened by a segment with SYN and without ACK; all others belong to one that exists.
  ensure inet redis_ha_egress "  chain output {
    type filter hook output priority -10; policy accept;
    meta skuid { $(numbers_of redis redis-ha) } jump cluster @
  }
  chain cluster {
    tcp flags & (syn | ack) != syn accept @
    oifname \"lo\" accept @
    ip daddr { $nodes } tcp dport { {{redis-port}}, {{sentinel-port}} } counter accept @
    meta l4proto tcp counter reject with tcp reset @
    counter reject @
  }"
fi

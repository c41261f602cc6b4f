# shellcheck shell=bash
# What will hurt on a machine, found on the machine itself, as root: scripts/doctor sends this. Changes nothing.
# Standard output, a line each, separated by tabs:
#   bad TEXT REMEDY     it hurts now, or at the next fault
#   look TEXT REMEDY    it will hurt some day
#   fact NAME VALUE     for comparing machines: redis VERSION, proxy VERSION, master ADDRESS, epoch NUMBER, clock SECONDS,
#                       backup SECONDS (the longest time between two of the schedule), backups-on SECONDS (since when there is a schedule),
#                       silent ADDRESS:SECONDS (how long a replica has not answered this Sentinel, from one minute on)
set -u
export PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin LC_ALL=C
root=${REDIS_HA_ROOT:-}

bad() { printf 'bad\t%s\t%s\n' "$1" "$2"; }
look() { printf 'look\t%s\t%s\n' "$1" "$2"; }
fact() { printf 'fact\t%s\t%s\n' "$1" "$2"; }
field() { tr -d '\r' | sed -n "s/^$1://p" | head -n 1; }
number() { case $1 in '' | *[!0-9]*) echo 0 ;; *) echo "$1" ;; esac; }

fact clock "$(date +%s)"
if [ -f "$root/var/lib/redis-ha/failed" ]; then
  bad "the last change was not applied: $(sed -n 's/^reason: //p' "$root/var/lib/redis-ha/failed" | tr -d '\t' | head -c 200)" 'put the reason right, then run pulumi up again'
fi
failed=$(systemctl --failed --plain --no-legend 2>/dev/null | awk '{ print $1 }' | head -n 5 | tr '\n' ' ')
if [ -n "$failed" ]; then
  look "units have failed: $failed" "systemctl status ${failed%% *}"
fi
while read -r used place; do
  used=$(number "${used%\%}")
  # A place of its own only where the data is on a volume.
  if [ "$place" = /var/lib/redis ]; then size=redisDataVolumeGb; else size=bootVolumeGb; fi
  if [ "$used" -ge 90 ]; then
    bad "the disk of $place is $used % full" "$size, then pulumi up; docs/nodes.md, \"A full disk\""
  elif [ "$used" -ge 75 ]; then
    look "the disk of $place is $used % full" "$size, then pulumi up"
  fi
done < <(df --output=pcent,target / /var/lib/redis 2>/dev/null | tail -n +2 | sort -u)
if [ -e "$root/run/reboot-required" ] || [ -e "$root/var/run/reboot-required" ] ||
  { command -v needs-restarting >/dev/null && ! needs-restarting -r >/dev/null 2>&1 </dev/null; }; then
  look 'a reboot is pending, as for a newer kernel' 'scripts/reboot-roll --only-needed'
fi
if apt-config dump Unattended-Upgrade::Automatic-Reboot 2>/dev/null </dev/null | grep -i '"\(true\|1\|yes\|on\)";' >/dev/null ||
  grep -q '^[[:space:]]*reboot[[:space:]]*=[[:space:]]*when' "$root/etc/dnf/automatic.conf" 2>/dev/null; then
  bad 'it reboots by itself after upgrades at night, as others may at the same time' 'pulumi up turns it off'
fi
if [ "$(timedatectl show --property=NTPSynchronized --value 2>/dev/null)" = no ] && ! systemd-detect-virt --quiet --container; then
  look 'the clock is not synchronised' 'chronyc tracking'
fi

case $(sed -n 's/^REDIS_HA_ROLE=//p' "$root/etc/redis-ha/node.env" 2>/dev/null) in
  redis)
    if ! state=$(redis-ha-wait-ready --health 1 2>&1 </dev/null); then
      bad "${state#not ready after 1 s: }" 'journalctl -u redis-server -u redis-sentinel (-u redis on Oracle Linux)'
    fi
    case $state in *'the watch says: '*) bad "${state##*the watch says: }" 'docs/security.md, "What the watch says"' ;; esac
    replication=$(redis-ha-cli redis -- INFO replication 2>/dev/null </dev/null)
    memory=$(redis-ha-cli redis -- INFO memory 2>/dev/null </dev/null)
    persistence=$(redis-ha-cli redis -- INFO persistence 2>/dev/null </dev/null)
    fact redis "$(redis-ha-cli redis -- INFO server 2>/dev/null </dev/null | field redis_version)"
    master_name=$(sed -n 's/^REDIS_HA_MASTER_NAME=//p' "$root/etc/redis-ha/node.env")
    nodes=$(sed -n "s/^REDIS_HA_NODES='\(.*\)'/\1/p" "$root/etc/redis-ha/node.env" | wc -w)
    if [ "$(field role <<<"$replication")" = master ]; then
      online=$(tr -d '\r' <<<"$replication" | grep -c '^slave[0-9]*:.*,state=online,')
      least=$(number "$(redis-ha-cli redis -- CONFIG GET min-replicas-to-write 2>/dev/null </dev/null | sed -n 2p)")
      good=$(field min_slaves_good_slaves <<<"$replication")
      if [ -n "$good" ] && [ "$(number "$good")" -lt "$least" ]; then
        bad "every write is refused (NOREPLICAS): $good replicas are in touch, and $least must be" 'bring a replica back; redis-ha-wait-ready on each says why not'
      elif [ "$online" -eq 0 ] && [ "$nodes" -gt 1 ]; then
        bad 'the master has no replica: if it fails now, nobody takes over' 'bring a replica back; redis-ha-wait-ready on each says why not'
      elif [ "$online" -lt $((nodes - 1)) ]; then
        look "$online of $((nodes - 1)) replicas follow" 'redis-ha-wait-ready on the one that is missing says why'
      fi
    fi
    if apt-get -q -s --allow-change-held-packages install --only-upgrade redis-server 2>/dev/null </dev/null | grep '^Inst redis-server ' >/dev/null; then
      look 'the distribution has a newer Redis' 'redisUpgrade, then pulumi up; docs/day2.md'
    fi
    quorum=$(redis-ha-cli sentinel -- SENTINEL CKQUORUM "$master_name" 2>&1 </dev/null)
    case $quorum in
      OK*) ;;
      *) bad "no failover is possible as this Sentinel sees it: ${quorum:-it does not answer}" 'start redis-sentinel where it does not run' ;;
    esac
    master=$(redis-ha-cli sentinel -- SENTINEL MASTER "$master_name" 2>/dev/null </dev/null)
    fact master "$(grep -x -A 1 ip <<<"$master" | sed -n 2p)"
    fact epoch "$(grep -x -A 1 config-epoch <<<"$master" | sed -n 2p)"
    while read -r silent; do fact silent "$silent"; done < <(
      redis-ha-cli sentinel -- SENTINEL REPLICAS "$master_name" 2>/dev/null </dev/null | tr -d '\r' | awk '
        NR % 2 { key = $0; next } key == "ip" { ip = $0 } key == "last-ok-ping-reply" && $0 >= 60000 { print ip ":" int($0 / 1000) }')
    used=$(number "$(field used_memory <<<"$memory")")
    limit=$(number "$(field maxmemory <<<"$memory")")
    policy=$(field maxmemory_policy <<<"$memory")
    if [ "$limit" -gt 0 ] && [ "$policy" = noeviction ] && [ $((used * 10)) -ge $((limit * 9)) ]; then
      bad "Redis uses $((used * 100 / limit)) % of its memory, and refuses writes at 100 % (noeviction)" 'redisMemoryGb, or redisMaxMemoryPolicy'
    fi
    available=$(awk '$1 == "MemAvailable:" { printf "%d", $2 * 1024 }' "$root/proc/meminfo")
    # A rewrite of the append-only file or a full copy for a replica forks; pages that change meanwhile are there twice.
    if [ "$used" -gt 0 ] && [ "$(number "$available")" -lt $((used / 4)) ]; then
      look "little memory is left for a fork: $((available / 1048576)) MB, with $((used / 1048576)) MB of data" 'redisMemoryGb, or a lower redisMaxMemory'
    fi
    every=$(sed -n 's/^REDIS_HA_BACKUP_SECONDS=\([0-9]*\)$/\1/p' "$root/etc/redis-ha/node.env")
    if [ -n "$every" ]; then
      fact backup "$every"
      fact backups-on "$(stat -c %Y "$root/etc/redis-ha/backup.address" 2>/dev/null || date +%s)"
    fi
    last=$(head -c 300 "$root/var/lib/redis-ha-backup/last" 2>/dev/null | tr -d '\t\n')
    case $last in failed*) bad "this node's last backup failed: ${last#failed }" 'put the reason right, then scripts/backup now' ;; esac
    if [ "$(redis-ha-cli redis -- CONFIG GET min-replicas-to-write 2>/dev/null </dev/null | sed -n 2p)" = 999 ] ||
      [ "$(field master_host <<<"$replication")" = 127.0.0.1 ]; then
      bad 'a restore was killed half-way, or is under way' 'if none is under way: scripts/restore --undo'
    fi
    for name in aof_last_write_status aof_last_bgrewrite_status rdb_last_bgsave_status; do
      case $(field $name <<<"$persistence") in '' | ok) ;; *) bad "Redis reports $name:$(field $name <<<"$persistence")" 'journalctl -u redis-server; often the disk is full' ;; esac
    done
    ;;
  proxy)
    if ! state=$(redis-ha-wait-ready --health 1 2>&1 </dev/null); then
      bad "${state#not ready after 1 s: }" 'journalctl -u redis-ha-proxy'
    fi
    status=$(redis-ha-proxy status 2>&1 </dev/null)
    fact proxy "$(sed -n 's/.*, version \([^ ,]*\)$/\1/p' <<<"$status" | head -n 1)"
    fact master "$(sed -n 's/^master \([^ ]*\) since .*/\1/p' <<<"$status" | head -n 1)"
    while read -r line; do
      bad "${line#! }" 'sudo redis-ha-proxy explain'
    done < <(grep '^!' <<<"$status" | tr -d '\t')
    ;;
  *)
    bad 'nothing has been applied to this machine' 'pulumi up'
    ;;
esac

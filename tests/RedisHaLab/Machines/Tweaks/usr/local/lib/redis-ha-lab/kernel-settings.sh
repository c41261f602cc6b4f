#!/bin/sh
# Settings of the kernel that all machines of the lab share with the host (memory overcommit, swappiness, huge pages)
# become files of this machine's own: what is written there reads back, and changes nothing on the host.
set -eu
own=/run/redis-ha-lab/kernel
for setting in /proc/sys/vm/overcommit_memory /proc/sys/vm/swappiness \
  /sys/kernel/mm/transparent_hugepage/enabled /sys/kernel/mm/transparent_hugepage/defrag; do
  [ -e "$setting" ] || continue
  mkdir -p "$own$(dirname "$setting")"
  cat "$setting" > "$own$setting"
  mount --bind "$own$setting" "$setting"
done
# The network's settings are this machine's own anyway: they may be written as on any machine.
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,rw /proc/sys/net

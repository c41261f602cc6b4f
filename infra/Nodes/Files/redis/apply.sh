#!/usr/bin/env bash
# Makes this machine the Redis node that the payload describes: at first and at every later change alike. The first boot's payload
# holds no secrets: it ends before Sentinel and Redis, whose units stay masked until the whole payload comes.
# Runs as root in the unpacked payload's directory. Running it again changes nothing; see docs/nodes.md for what lies where.
#
# A running redis-server takes changed settings live. What Redis cannot change live needs a restart, and only a replica is ever
# restarted here: on the master that is refused, so that a switchover comes first.
set -euo pipefail

payload=$(dirname "$(readlink -f "$0")")
# The rollout's first and last steps concern passwords only.
if [ -n "${REDIS_HA_PASSWORDS:-}" ]; then
  exec bash "$payload/passwords.sh" "$REDIS_HA_PASSWORDS"
fi
# shellcheck source=/dev/null
. "$payload/node.env"
# shellcheck source-path=SCRIPTDIR source=../common/library.sh
. "$payload/library.sh"
begin
# shellcheck source-path=SCRIPTDIR source=../common/distribution.sh
. "$payload/distribution.sh"
# shellcheck source-path=SCRIPTDIR source=../common/accounts.sh
. "$payload/accounts.sh"

# install_packages_stopped: a Redis with the distribution's own configuration must never run, so its units are masked meanwhile.
install_packages_stopped() {
  local unit units="$redis_unit $sentinel_unit"
  if [ -n "$engine_units" ]; then units=$engine_units; fi
  if [ ! -f "$root/etc/systemd/system/$redis_unit.d/redis-ha.conf" ]; then
    for unit in $units; do
      if systemctl is-active --quiet "$unit"; then
        say "stopping $unit, which runs with the distribution's configuration"
        systemctl stop "$unit"
      fi
      systemctl mask "$unit"
    done
  fi
  choose_redis_stream
  if [ "${REDIS_HA_TLS:-no}" = yes ]; then packages openssl; fi
  # shellcheck disable=SC2086 # a list
  packages $redis_packages
  name_engine
  # Nor does the upgrade of a library restart it (needrestart does, on Ubuntu, at night and on all machines).
  if debian_family; then
    install_file "$payload/needrestart.conf" /etc/needrestart/conf.d/redis-ha.conf 644 root:root
  fi
}

# upgrade_redis: to the distribution's newest, once for each value of the setting redisUpgrade. The packages restart redis-server, so it
# is for a replica, as every restart.
upgrade_redis() {
  local done=$state/upgraded
  # shellcheck disable=SC2206 # a list
  local names=(${redis_packages/ nftables/})
  if ! first_boot && [ -n "$REDIS_HA_UPGRADE" ] && [ "$(cat "$done" 2>/dev/null)" != "$REDIS_HA_UPGRADE" ] && systemctl is-active --quiet "$redis_unit" &&
    newer_packages "${names[@]}"; then
    require_spare_replica 'the upgrade restarts redis-server'
    say "upgrading ${names[*]}, on a replica"
    upgrade_packages "${names[@]}" || fail 'Redis could not be upgraded (the last lines of the log say why)'
    # Their own units are masked, so nothing has restarted what runs.
    if [ -n "$engine_units" ]; then touch "$state/pending.redis-restart" "$state/pending.sentinel-restart"; fi
    say "installed: $(redis-server --version | sed -n 's/.* v=\([0-9.]*\).*/Redis \1/p')"
  fi
  hold_packages "${names[@]}"
  printf '%s\n' "$REDIS_HA_UPGRADE" >"$done"
}

install_scripts() {
  local file
  install_file "$payload/node.sh" "$scripts/node.sh" 755 root:root
  install_file "$payload/wait-ready.sh" /usr/local/sbin/redis-ha-wait-ready 755 root:root
  install_directory /etc/redis-ha 755 root:root
  install_file "$payload/node.env" /etc/redis-ha/node.env 644 root:root watch-restart
  if ! first_boot; then
    for file in accounts.sh cluster.sh progress.sh decide.sh boot.sh boot-rule.sh joined.sh mark.sh sentinel-conf.sh; do
      install_file "$payload/$file" "$scripts/$file" 755 root:root
    done
    install_file "$payload/cli.sh" /usr/local/sbin/redis-ha-cli 755 root:root
    install_file "$payload/switchover.sh" /usr/local/sbin/redis-ha-switchover 755 root:root
    command_for_sudo /usr/local/sbin/redis-ha-cli
    command_for_sudo /usr/local/sbin/redis-ha-switchover
  fi
}

# Root writes these files, and the accounts read what concerns them. Only Sentinel's own file, with its state, is elsewhere: Sentinel
# rewrites it, so its folder must be the account redis' own.
install_configuration() {
  install_file "$payload/operator.password" /etc/redis-ha/operator.password 640 root:redis-ha
  install_certificates
  for_this_redis "$payload/users.acl" >"$payload/users.wanted"
  grep -q '^user default ' "$payload/users.wanted" ||
    fail 'Redis 6.2 cannot take single subcommands from clients, so it cannot have the setting clientCommands: unset it, or install Redis 7 (docs/security.md)'
  local user
  for user in ${REDIS_HA_USERS:-}; do
    grep -q "^user $user " "$payload/users.wanted" || fail "Redis 6.2 cannot have the user $user of the setting redisUsers: unset it, or install Redis 7"
  done
  if ! grep -q '^user default .*(' "$payload/users.wanted"; then
    say 'Redis 6.2 cannot except one channel, so clients may not PUBLISH here at all: Redis 7 is needed for that (docs/security.md)'
  fi
  install_users users "$payload/users.wanted" redis-users
  for_this_redis "$payload/settings.conf" >"$payload/settings.wanted"
  install_file "$payload/settings.wanted" /etc/redis-ha/settings.conf 640 root:redis
  install_users sentinel-users "$payload/sentinel-users.acl" sentinel-users
}

# redis-server reads them again when it is told to, Sentinel at its start alone.
install_certificates() {
  if [ ! -f "$payload/redis-tls.pem" ]; then return 0; fi
  install_file "$payload/redis-ca.crt" /etc/redis-ha/redis-ca.crt 644 root:root redis-tls
  install_file "$payload/redis-tls.pem" /etc/redis-ha/redis-tls.pem 640 root:redis redis-tls
  if pending redis-tls; then touch "$state/pending.sentinel-restart"; fi
}

# install_users NAME FILE ACTION: others may still use the passwords of the former payload; the rollout's last step retires them.
install_users() {
  local installed=$root/etc/redis-ha/$1.acl
  if [ ! -f "$installed" ]; then installed=/dev/null; fi
  bash "$payload/passwords.sh" merge "$installed" "$2" >"$payload/$1.merged"
  install_file "$payload/$1.merged" "/etc/redis-ha/$1.acl" 640 root:redis "$3"
}

# A node of a former payload that had all of the data could be promoted.
keep_promotable() {
  if [ -d "$root/usr/local/lib/redis-ha" ] && is_member && [ ! -f "$promotable_file" ]; then
    echo 'by a former payload' >"$promotable_file"
  fi
}

# What former payloads left behind: files in a folder of the account redis, scripts that wrote there as root.
remove_former_layout() {
  local folder
  folder=$(dirname "$sentinel_file")
  as_account redis rm -f "$folder"/{settings.conf,users.acl,redis.conf,redis.conf.new,sentinel-settings.conf,sentinel-users.acl} "$folder"/*.redis-ha-new
  rm -rf "$root/usr/local/lib/redis-ha"
  rm -f "$root/var/log/redis-ha-apply.log"
}

transparent_huge_pages_off() {
  former_unit redis-ha-thp.service
  if in_container; then
    say 'transparent huge pages are not settable in this machine (a container)'
    return 0
  fi
  install_file "$payload/thp.conf" /etc/tmpfiles.d/redis-ha.conf 644 root:root
  systemd-tmpfiles --create /etc/tmpfiles.d/redis-ha.conf
}

install_units() {
  if [ -n "$engine_units" ]; then
    install_file "$payload/engine-server.service" "/etc/systemd/system/$redis_unit" 644 root:root redis-restart
    install_file "$payload/engine-sentinel.service" "/etc/systemd/system/$sentinel_unit" 644 root:root sentinel-restart
  fi
  name_unit
  install_file "$payload/redis.dropin.conf" "/etc/systemd/system/$redis_unit.d/redis-ha.conf" 644 root:root redis-restart
  install_file "$payload/sentinel.dropin.conf" "/etc/systemd/system/$sentinel_unit.d/redis-ha.conf" 644 root:root sentinel-restart
  install_file "$payload/redis-ha-joined.service" /etc/systemd/system/redis-ha-joined.service 644 root:root joined-restart
  systemctl unmask "$redis_unit" "$sentinel_unit"
  systemctl daemon-reload
  systemctl enable "$redis_unit" "$sentinel_unit"
  if pending joined-restart; then
    systemctl try-restart --no-block redis-ha-joined.service
    settled joined-restart
  fi
}

# The peers' Sentinels know the master better than the list of nodes does, when this machine takes the place of another.
master_to_monitor() {
  local entry address named
  for entry in $REDIS_HA_NODES; do
    address=${entry#*=}
    if [ "$address" != "$REDIS_HA_ADDRESS" ]; then
      named=$(ask_timeout=2 ask "$address" '{{sentinel-port}}' SENTINEL GET-MASTER-ADDR-BY-NAME "$REDIS_HA_MASTER_NAME" 2>/dev/null | sed -n 1p) || named=''
      if [[ $named =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
        echo "$named"
        return 0
      fi
    fi
  done
  entry=${REDIS_HA_NODES%% *}
  echo "${entry#*=}"
}

# but_numbers: settings on standard input, without the numbers that a running Sentinel takes.
but_numbers() {
  sed -E 's/^((@7\.0 )?sentinel (monitor [^ ]+ - [0-9]+|(down-after-milliseconds|failover-timeout|parallel-syncs|master-reboot-down-after-period) [^ ]+)) [0-9]+$/\1/'
}

# sentinel_takes_live: the changed settings, when all of them are such numbers. SENTINEL SET writes Sentinel's own file as well.
sentinel_takes_live() {
  local line name settings=$root/etc/redis-ha/sentinel-settings.conf words
  if [ ! -f "$settings" ] || [ ! -f "$sentinel_file" ] || ! systemctl is-active --quiet "$sentinel_unit" ||
    ! cmp -s <(but_numbers <"$settings") <(but_numbers <"$payload/sentinel-settings.conf"); then
    return 1
  fi
  while read -r line; do
    read -r -a words <<<"${line#@7.0 }"
    name=${words[1]}
    if [ "$name" = monitor ]; then name=quorum; fi
    [ "$(ask_sentinel SENTINEL SET "${words[2]}" "$name" "${words[-1]}")" = OK ] || return 1
    say "set $name of Sentinel to ${words[-1]} live"
  done < <(grep -v -x -F -f "$settings" "$payload/sentinel-settings.conf")
}

# A running Sentinel takes its numbers live. For everything else it is away for a moment; the others keep the quorum.
configure_sentinel() {
  local version reply settings=$root/etc/redis-ha/sentinel-settings.conf
  if ! systemctl is-active --quiet "$sentinel_unit"; then
    settled sentinel-users
  elif pending sentinel-users; then
    reply=$(ask_timeout=20 ask_sentinel ACL LOAD) || reply='no answer in 20 s'
    [ "$reply" = OK ] || fail "Sentinel does not take the new users (ACL LOAD): $reply"
    settled sentinel-users
  fi
  if [ ! -f "$sentinel_file" ] || ! cmp -s "$payload/sentinel-settings.conf" "$settings"; then
    if ! sentinel_takes_live; then
      version=$(redis-server --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
      systemctl stop "$sentinel_unit"
      as_account redis timeout 60 bash "$root$scripts/sentinel-conf.sh" "$sentinel_file" "$(master_to_monitor)" "$version" \
        <"$payload/sentinel-settings.conf"
    fi
    install_file "$payload/sentinel-settings.conf" /etc/redis-ha/sentinel-settings.conf 600 root:root
  fi
  if pending sentinel-restart; then
    systemctl restart "$sentinel_unit"
    settled sentinel-restart
  else
    systemctl start "$sentinel_unit"
  fi
}

# changed_settings OLD NEW: the lines only NEW has; ends with 1 when OLD has a directive that NEW lacks (its default is not known).
changed_settings() {
  awk '
    function name() { return $1 == "client-output-buffer-limit" ? $1 " " $2 : $1 }
    /^[ \t]*(#|$)/ { next }
    FILENAME == ARGV[1] { old[name()] = $0; next }
    { seen[name()] = 1; if (old[name()] != $0) print }
    END { for (key in old) if (!(key in seen)) exit 1 }' "$1" "$2"
}

# set_live LINE: CONFIG SET on standard input, since a line may hold a secret.
set_live() {
  local directive=${1%% *} value=${1#* } reply
  case $value in '"'*) ;; *) value="\"$value\"" ;; esac
  if ! reply=$(printf 'CONFIG SET %s %s\n' "$directive" "$value" | insist '{{redis-port}}'); then
    say "redis-server does not take \"$directive\" live: $reply"
    return 1
  fi
  say "set $directive live"
}

# require_spare_replica WHY: only a replica is ever restarted, and the master must keep taking writes meanwhile, so it needs enough others.
require_spare_replica() {
  local why=$1 role info master own least others try
  role=$(ask_redis INFO replication | field role) || role=''
  if [ "$role" != slave ]; then
    fail "$why, and this node is ${role:-not answering} (only a replica is restarted): switch the master over first, then apply again"
  fi
  least=$(number "$(ask_redis CONFIG GET min-replicas-to-write | sed -n 2p)") || least=''
  for ((try = 1; ; try++)); do
    info=$(ask_redis INFO replication) || info=''
    # One that does not follow is of no use to the master anyway.
    if [ "$(field master_link_status <<<"$info")" != up ]; then return 0; fi
    master=$(field master_host <<<"$info")
    own=${REDIS_HA_ADDRESS//./\\.}
    others=$(ask "$master" '{{redis-port}}' INFO replication | grep '^slave[0-9]*:.*,state=online,' | grep -v -c ":ip=$own,") || others=${others:-0}
    if ((others >= ${least:-0})); then return 0; fi
    ((try < 60)) ||
      fail "$why, but the master $master would have $others replicas meanwhile, and it takes no writes with less than $least: bring the missing node back, then apply again"
    sleep 0.5
  done
}

restart_replica() {
  require_spare_replica 'the change needs a restart of redis-server'
  say 'restarting redis-server, which is a replica'
  timeout 600 systemctl restart "$redis_unit"
}

configure_redis() {
  local line reply restart=no running=$runtime_directory/running.conf
  if ! systemctl is-active --quiet "$redis_unit"; then
    # It may have to wait for other nodes, so nobody waits for it here; redis-ha-wait-ready does. One that is on its way already
    # goes by the former unit and users: from the beginning, then.
    if [ "$(systemctl is-active "$redis_unit")" = activating ] && { pending redis-restart || pending redis-users; }; then
      systemctl restart --no-block "$redis_unit"
    else
      systemctl start --no-block "$redis_unit"
    fi
    settled redis-restart
    settled redis-users
    settled redis-tls
    return 0
  fi
  if pending redis-users; then
    reply=$(ask_timeout=20 ask_redis ACL LOAD) || reply='no answer in 20 s'
    [ "$reply" = OK ] || fail "redis-server does not take the new users (ACL LOAD): $reply"
    settled redis-users
    say 'users loaded'
  fi
  settings >"$payload/wanted.conf"
  if [ -f "$running" ]; then
    changed_settings "$running" "$payload/wanted.conf" >"$payload/changed.conf" || restart=yes
  else
    : >"$payload/changed.conf"
    restart=yes
  fi
  while read -r line; do
    set_live "$line" || restart=yes
  done <"$payload/changed.conf"
  if pending redis-tls; then
    # The names are the same: setting them has the files read again (VOLATILE_CONFIG in Redis' config.c); sessions go on.
    for line in "tls-ca-cert-file $root/etc/redis-ha/redis-ca.crt" "tls-cert-file $root/etc/redis-ha/redis-tls.pem"; do
      set_live "$line" || restart=yes
    done
  fi
  if [ "$restart" = yes ] || pending redis-restart; then
    restart_replica
    settled redis-restart
  else
    cp "$payload/wanted.conf" "$running"
  fi
  settled redis-tls
}

# The watch asks as an account of its own, which the users above have just got.
install_watch() {
  install_file "$payload/watch.sh" "$scripts/watch.sh" 755 root:root watch-restart
  install_file "$payload/watch.password" /etc/redis-ha/watch.password 600 root:root watch-restart
  install_file "$payload/redis-ha-watch.service" /etc/systemd/system/redis-ha-watch.service 644 root:root watch-restart
  run_unit redis-ha-watch.service watch-restart
}

remove_metrics() {
  if [ -e "$root/etc/systemd/system/redis-ha-metrics.timer" ]; then
    systemctl disable --now redis-ha-metrics.timer
    rm -f "$root"/etc/systemd/system/redis-ha-metrics.{timer,service} "$root/etc/redis-ha/metrics.env"
    systemctl daemon-reload
  fi
}

step 'scripts and the node facts'
install_scripts
# shellcheck source-path=SCRIPTDIR
. "$payload/node.sh"
step 'root file system'
grow_root
step 'packages'
install_packages_stopped
no_automatic_reboots
upgrade_redis
step 'accounts, directories and configuration files'
create_account redis-ha redis
install_directory /etc/redis 2770 redis:redis
install_directory /var/lib/redis 750 redis:redis
install_directory /run/redis-ha 755 root:root
if ! first_boot; then
  keep_promotable
  install_configuration
fi
if [ -f "$payload/data-volume-install.sh" ]; then
  step 'data volume'
  # shellcheck source-path=SCRIPTDIR
  . "$payload/data-volume-install.sh"
  install_data_volume
fi
step 'kernel settings'
kernel_settings "$payload/sysctl.conf"
transparent_huge_pages_off
slew_clock
admit '{{redis-port}}' '{{sentinel-port}}'
step 'systemd units'
install_units
step 'Sentinel'
configure_sentinel
step 'Redis'
configure_redis
step 'watch'
install_watch
step 'backups'
# shellcheck source-path=SCRIPTDIR
. "$payload/backup-install.sh"
install_backup
if [ -f "$payload/metrics-install.sh" ]; then
  step 'custom metrics'
  # shellcheck source-path=SCRIPTDIR
  . "$payload/metrics-install.sh"
  install_metrics
else
  remove_metrics
fi
remove_former_layout
conclude

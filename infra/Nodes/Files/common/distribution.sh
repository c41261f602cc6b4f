# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names set here are read by the scripts that source this; root, log and payload are library.sh's and the apply script's
# Every difference between the image families, and nothing else: Ubuntu and Debian on one side, Oracle Linux 9 on the other.
# Sourced after library.sh.

os_release=$root/etc/os-release
distribution=$(sed -n 's/^ID=//p' "$os_release" | tr -d '"')

case $distribution in
  ubuntu | debian)
    redis_unit=redis-server.service
    redis_packages='redis-server redis-sentinel redis-tools nftables'
    proxy_packages='curl ca-certificates nftables'
    chrony_file=/etc/chrony/chrony.conf
    chrony_unit=chrony.service
    nologin=/usr/sbin/nologin
    ;;
  ol | rhel | rocky | almalinux | centos)
    redis_unit=redis.service
    redis_packages='redis nftables'
    proxy_packages='curl ca-certificates nftables'
    chrony_file=/etc/chrony.conf
    chrony_unit=chronyd.service
    nologin=/sbin/nologin
    ;;
  *)
    fail "this payload knows Ubuntu, Debian and Oracle Linux; $os_release says ID=$distribution"
    ;;
esac
sentinel_unit=redis-sentinel.service
# Another engine's packages name programs and units differently: the programs get Redis' names (links), and so do units of our own, which the
# drop-ins complete. The packages' units, listed here, never start.
engine_units=''
case ${REDIS_HA_ENGINE:-redis} in
  redis) ;;
  valkey)
    if [ "$distribution" = ubuntu ] || [ "$distribution" = debian ]; then
      redis_packages='valkey-server valkey-sentinel valkey-tools nftables'
      engine_units='valkey-server.service valkey-sentinel.service'
    else
      redis_packages='valkey nftables'
      engine_units='valkey.service valkey-sentinel.service'
    fi
    ;;
  *)
    fail "this payload knows the engines redis and valkey, not $REDIS_HA_ENGINE"
    ;;
esac
readonly distribution engine_units redis_unit sentinel_unit redis_packages proxy_packages chrony_file chrony_unit nologin

debian_family() {
  [ "$distribution" = ubuntu ] || [ "$distribution" = debian ]
}

package_installed() {
  if debian_family; then
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
  else
    rpm -q --quiet "$1"
  fi
}

# packages NAME...: installs what is missing. A fresh machine's network, mirror or package lock may not be ready yet: try again.
packages() {
  local name missing=()
  for name in "$@"; do
    package_installed "$name" || missing+=("$name")
  done
  if [ "${#missing[@]}" -eq 0 ]; then
    return 0
  fi
  say "installing ${missing[*]}"
  if ! attempt 6 5 install_packages "${missing[@]}"; then
    fail "cannot install ${missing[*]}: no configured mirror gave them in 6 attempts (see $log for what the package tool said)"
  fi
}

install_packages() {
  if debian_family; then
    timeout 300 apt-get -q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 update &&
      DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 timeout 600 apt-get -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "$@"
  else
    dnf_in_turn -q -y install "$@"
  fi
}

# hold_packages NAME...: a machine's own nightly upgrades leave them alone: they would restart the same service on all machines.
hold_packages() {
  if debian_family; then
    apt-mark -q hold "$@"
  elif [ ! -e "$state/held" ]; then
    if dnf_in_turn -q -y install python3-dnf-plugin-versionlock && dnf_in_turn -q versionlock add "$@"; then
      touch "$state/held"
    else
      say "$* could not be held at their version (see the log): exclude them from automatic updates"
    fi
  fi
}

# no_automatic_reboots: a machine's own nightly upgrades never restart it, whatever its image says: they would restart all machines in the
# same minutes (scripts/reboot-roll does it one by one).
no_automatic_reboots() {
  local automatic=$root/etc/dnf/automatic.conf
  if debian_family; then
    # apt takes the last word, in the order of the names (apt.conf(5)).
    printf '%s\n' 'Unattended-Upgrade::Automatic-Reboot "false";' >"$payload/automatic-reboot"
    install_file "$payload/automatic-reboot" /etc/apt/apt.conf.d/99-redis-ha 644 root:root
  elif [ -f "$automatic" ] && grep -q '^[[:space:]]*reboot[[:space:]]*=' "$automatic" && ! grep -q -x 'reboot = never' "$automatic"; then
    sed -i 's/^[[:space:]]*reboot[[:space:]]*=.*/reboot = never/' "$automatic"
    label "$automatic"
    say 'dnf-automatic does not reboot this machine any more'
  fi
}

# newer_packages NAME...: whether the distribution has newer ones of those installed.
newer_packages() {
  local code=0
  if debian_family; then
    timeout 300 apt-get -q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 update || fail 'the lists of packages could not be fetched (see the log)'
    apt-get -q -s --allow-change-held-packages install --only-upgrade "$@" | grep '^Inst ' >/dev/null
  else
    rm -f "$state/held"
    dnf_in_turn -q versionlock delete "$@" || true
    dnf_in_turn -q check-update "$@" || code=$?
    [ "$code" = 100 ]
  fi
}

# upgrade_packages NAME...: to the distribution's newest. The packages restart their services.
upgrade_packages() {
  if debian_family; then
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 timeout 900 apt-get -q -y --allow-change-held-packages \
      -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install --only-upgrade "$@"
  else
    dnf_in_turn -q -y upgrade "$@"
  fi
}

# dnf_in_turn ARGUMENT...: a fresh Oracle Linux updates itself in its first minutes, and dnf waits for its lock without a word and
# without end. Told to give up at once it ends with 200 (dnf(8)), and then the waiting has both.
dnf_in_turn() {
  local try code
  for ((try = 1; try <= 90; try++)); do
    code=0
    timeout 900 dnf --setopt=exit_on_lock=True "$@" || code=$?
    if [ "$code" != 200 ]; then
      return "$code"
    fi
    if ((try == 1)); then
      say "dnf is locked by another process (an update of the machine itself, most likely): waiting for it, at most 15 minutes"
    fi
    sleep 10
  done
  fail 'dnf has been locked by another process for 15 minutes: "ps -C dnf -o pid,etime,args" names it; let it end, and apply again'
}

# grow_root: the root file system takes all of its disk. Ubuntu grows it at each boot, Oracle Linux never; the boot volume can grow
# while the machine runs. Nothing to do is the usual case, and what cannot be grown works on as it is.
grow_root() {
  local device disk folder number
  if in_container; then
    return 0
  fi
  for folder in "$root"/sys/class/block/*/device/rescan; do
    if [ -w "$folder" ]; then echo 1 >"$folder" || true; fi
  done
  if [ -x "$root/usr/libexec/oci-growfs" ]; then
    timeout 120 "$root/usr/libexec/oci-growfs" -y || say 'oci-growfs has grown nothing (see the log for what it said)'
    return 0
  fi
  device=$(findmnt -n -o SOURCE /) || return 0
  folder=$root/sys/class/block/${device##*/}
  if ! command -v growpart >/dev/null || [ ! -f "$folder/partition" ]; then
    return 0
  fi
  number=$(cat "$folder/partition")
  disk=$(basename "$(dirname "$(readlink -f "$folder")")")
  # 0: the partition has grown; 1: it has all of the disk already.
  if ! timeout 120 growpart "/dev/$disk" "$number"; then
    return 0
  fi
  case $(findmnt -n -o FSTYPE /) in
    xfs) xfs_growfs / ;;
    ext?) resize2fs "$device" ;;
    *) say "the partition of / has grown, its file system has not: no program for it here" ;;
  esac
  say 'the root file system has grown'
}

# Oracle Linux 9 has Redis 6.2 by default and 7 as a module stream; 7 is wanted where the stream exists and nothing is installed yet.
choose_redis_stream() {
  if debian_family || [ -n "$engine_units" ] || package_installed redis; then
    return 0
  fi
  if dnf_in_turn -q module list redis:7; then
    say 'using the module stream redis:7'
    dnf_in_turn -q -y module enable redis:7
  else
    say 'no module stream redis:7 here: taking the default redis package'
  fi
}

# name_engine: another engine's programs under Redis' names, and the account that its data and settings belong to.
name_engine() {
  local name
  if [ -z "$engine_units" ]; then
    return 0
  fi
  for name in server sentinel cli check-rdb; do
    [ -x "$root/usr/bin/valkey-$name" ] || fail "the packages of Valkey bring no /usr/bin/valkey-$name"
    if [ "$(readlink "$root/usr/bin/redis-$name" 2>/dev/null)" != "valkey-$name" ]; then
      ln -s -f -n -T "valkey-$name" "$root/usr/bin/redis-$name"
      say "linked /usr/bin/redis-$name"
    fi
  done
  create_account redis
}

# name_unit: redis-server is a name of Redis' unit on every image, as hints, alarms and documents print it: a link to the unit's file, as
# "systemctl enable" makes one for an alias. The journal knows a unit by its own name only.
name_unit() {
  local file=/usr/lib/systemd/system/$redis_unit link=$root/etc/systemd/system/redis-server.service
  if [ "$redis_unit" = redis-server.service ]; then
    return 0
  fi
  if [ -f "$root/etc/systemd/system/$redis_unit" ]; then file=/etc/systemd/system/$redis_unit; fi
  if [ "$(readlink "$link" 2>/dev/null)" != "$file" ]; then
    ln -s -f -n -T "$file" "$link"
    label "$link"
    say "redis-server is a name of $redis_unit"
  fi
}

# label PATH: SELinux contexts of a file that we placed.
label() {
  if ! debian_family; then
    restorecon -F "$1"
  fi
}

# open_ports PORT...: exactly these TCP ports in the host's own firewall, now and after a reboot.
open_ports() {
  if debian_family; then
    open_ports_iptables "$@"
  else
    open_ports_firewalld "$@"
  fi
}

# Ubuntu images on OCI end INPUT with REJECT: rules go before it. Never flushed, since the image's other rules guard its boot volume.
open_ports_iptables() {
  local port line added=no
  if ! command -v iptables >/dev/null; then
    say 'no iptables here: the host has no firewall to open'
    return 0
  fi
  for port in "$@"; do
    if iptables -w 30 -C INPUT -p tcp -m tcp --dport "$port" -m conntrack --ctstate NEW -j ACCEPT 2>/dev/null; then
      continue
    fi
    line=$(iptables -w 30 -L INPUT --line-numbers -n | awk '$2 == "REJECT" || $2 == "DROP" { print $1; exit }')
    if [ -z "$line" ]; then
      if iptables -w 30 -S INPUT | grep -x -e '-P INPUT ACCEPT' >/dev/null; then
        say "the host's firewall rejects nothing: port $port is open already"
        continue
      fi
      iptables -w 30 -A INPUT -p tcp -m tcp --dport "$port" -m conntrack --ctstate NEW -j ACCEPT
    else
      iptables -w 30 -I INPUT "$line" -p tcp -m tcp --dport "$port" -m conntrack --ctstate NEW -j ACCEPT
    fi
    say "opened port $port in the host's firewall"
    added=yes
  done
  if [ "$added" = yes ]; then
    if command -v netfilter-persistent >/dev/null; then
      netfilter-persistent save
    else
      mkdir -p "$root/etc/iptables"
      iptables-save >"$root/etc/iptables/rules.v4"
    fi
  fi
}

open_ports_firewalld() {
  local port
  if ! command -v firewall-cmd >/dev/null; then
    say 'no firewalld here: the host has no firewall to open'
    return 0
  fi
  if ! firewall-cmd --quiet --state; then
    for port in "$@"; do
      firewall-offline-cmd --query-port="$port/tcp" || firewall-offline-cmd --add-port="$port/tcp"
    done
    say 'firewalld does not run: ports opened in its permanent configuration'
    return 0
  fi
  for port in "$@"; do
    if ! firewall-cmd --quiet --permanent --query-port="$port/tcp"; then
      firewall-cmd --permanent --add-port="$port/tcp"
      say "opened port $port in the host's firewall"
    fi
    if ! firewall-cmd --quiet --query-port="$port/tcp"; then
      firewall-cmd --add-port="$port/tcp"
    fi
  done
}

# slew_clock: a stepped clock puts Sentinel into TILT for 30 s, so chrony may step only right after its own start.
slew_clock() {
  local file=$root$chrony_file
  if [ ! -f "$file" ]; then
    say 'no chrony here: the clock is left as it is'
    return 0
  fi
  if [ "$(grep -c '^[[:space:]]*makestep' "$file")" = 1 ] && grep -q -x 'makestep 1 3' "$file"; then
    return 0
  fi
  sed -i -e 's/^[[:space:]]*makestep/# redis-ha: &/' "$file"
  printf '%s\n' '# redis-ha: step only in the first three updates, slew afterwards' 'makestep 1 3' >>"$file"
  label "$file"
  systemctl try-restart "$chrony_unit"
  say 'chrony slews the clock'
}

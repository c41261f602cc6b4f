# shellcheck shell=bash
# Debian and Ubuntu packages that a script needs: says which are missing, installs them. Sourced by scripts.

# missing_debian_packages PACKAGE...: those that are not installed, one a line.
missing_debian_packages() {
  local package
  for package in "$@"; do
    if [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
      echo "$package"
    fi
  done
}

# install_debian_packages PACKAGE...: installs them with apt-get; needs root. Services that come with them are neither
# started now nor at the next boot: the tests start their own.
install_debian_packages() (
  policy=/usr/sbin/policy-rc.d
  services=(redis-server redis-sentinel haproxy nftables dnsmasq prometheus)
  before=$(_enabled_services "${services[@]}")
  if [[ ! -e $policy ]]; then
    # Debian's own switch against starting services (exit status 101 means "not allowed").
    install -m 0755 /dev/stdin "$policy" <<<$'#!/bin/sh\nexit 101' || exit 1
    trap 'rm -f "$policy"' EXIT
  fi

  export DEBIAN_FRONTEND=noninteractive
  if ! apt-get install --yes --no-install-recommends "$@" </dev/null; then
    # The lists may be older than the mirror.
    apt-get update </dev/null && apt-get install --yes --no-install-recommends "$@" </dev/null || exit 1
  fi

  for service in $(_enabled_services "${services[@]}"); do
    grep -qx -- "$service" <<<"$before" || systemctl disable --quiet "$service"
  done
)

# Those of the named services that systemd starts at boot.
_enabled_services() {
  local service
  command -v systemctl >/dev/null || return 0
  for service in "$@"; do
    if [[ $(systemctl is-enabled "$service" 2>/dev/null) == enabled ]]; then
      echo "$service"
    fi
  done
}

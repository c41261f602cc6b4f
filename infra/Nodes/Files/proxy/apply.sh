#!/usr/bin/env bash
# Makes this machine the proxy node that the payload describes: at first and at every later change alike. The first boot's payload
# holds no secrets, neither passwords nor the program's address: it ends before the proxy is fetched.
# Runs as root in the unpacked payload's directory. Running it again changes nothing; the proxy restarts only when its program,
# its configuration or its unit changed, and only after the new program has accepted the new configuration.
set -euo pipefail

payload=$(dirname "$(readlink -f "$0")")
# shellcheck source=/dev/null
. "$payload/node.env"
# shellcheck source-path=SCRIPTDIR source=../common/library.sh
. "$payload/library.sh"
begin
# shellcheck source-path=SCRIPTDIR source=../common/distribution.sh
. "$payload/distribution.sh"
# shellcheck source-path=SCRIPTDIR source=../common/accounts.sh
. "$payload/accounts.sh"

program=$root/usr/local/bin/redis-ha-proxy
configuration=/etc/redis-ha-proxy
files='proxy.json redis.password sentinel.password admin.password'
if [ -f "$payload/metrics.password" ]; then files="$files metrics.password"; fi
# For TLS with clients, of the pages, and towards Redis; the proxy reads them again at a reload, so they are no credentials of the service, which are
# copied at its start.
tls_files=''
for file in tls.crt tls.key clients-ca.crt admin.crt admin.key redis-ca.crt; do
  if [ -f "$payload/$file" ]; then tls_files="$tls_files $file"; fi
done

install_scripts() {
  install_file "$payload/wait-ready.sh" /usr/local/sbin/redis-ha-wait-ready 755 root:root
  install_directory /etc/redis-ha 755 root:root
  install_file "$payload/node.env" /etc/redis-ha/node.env 644 root:root
}

sha256_of() {
  sha256sum "$1" | cut -d ' ' -f 1
}

# fetch_program: into a file beside the program, so that taking it into use is one rename. The address is a secret: curl reads it
# from a file, and what it prints names no more than the host.
fetch_program() {
  local got
  (umask 022 && mkdir -p "$(dirname "$program")")
  require_rooted "$(dirname "$program")"
  rm -f "$program.redis-ha-new"
  if [ -f "$program" ] && [ "$(sha256_of "$program")" = "$REDIS_HA_BUNDLE_SHA256" ]; then
    return 0
  fi
  say 'downloading the proxy'
  if ! attempt 4 5 curl --config "$payload/bundle.curl" --fail --silent --show-error --location \
    --retry 10 --retry-connrefused --retry-delay 3 --connect-timeout 10 --max-time 600 --output "$program.redis-ha-new"; then
    rm -f "$program.redis-ha-new"
    fail 'cannot download the proxy bundle: the pre-authenticated address does not answer, or has expired (see the log for what curl said)'
  fi
  got=$(sha256_of "$program.redis-ha-new")
  if [ "$got" != "$REDIS_HA_BUNDLE_SHA256" ]; then
    rm -f "$program.redis-ha-new"
    fail "the downloaded proxy bundle has SHA-256 $got, not $REDIS_HA_BUNDLE_SHA256: nothing of it was used"
  fi
  chown root:root "$program.redis-ha-new"
  chmod 755 "$program.redis-ha-new"
  label "$program.redis-ha-new"
}

# install_help: completion for bash and the man page, as the program itself writes them.
install_help() {
  if as_account redis-ha-proxy "$program" completion bash >"$payload/completion" && [ -s "$payload/completion" ] &&
    as_account redis-ha-proxy "$program" man >"$payload/manual" && [ -s "$payload/manual" ]; then
    install_file "$payload/completion" /usr/share/bash-completion/completions/redis-ha-proxy 644 root:root
    install_file "$payload/manual" /usr/share/man/man8/redis-ha-proxy.8 644 root:root
  else
    say 'the proxy program has no completion and no man page; nothing of them is installed'
  fi
  command_for_sudo /usr/local/bin/redis-ha-proxy
}

# check_configuration: the program that will run judges the files that it will read, as the user that it will run as.
check_configuration() {
  local file candidate=$program staged
  if [ -f "$program.redis-ha-new" ]; then candidate=$program.redis-ha-new; fi
  staged=$(mktemp -d "$root$configuration/check.XXXXXX")
  chown root:redis-ha-proxy "$staged"
  chmod 750 "$staged"
  for file in $files $tls_files; do
    cp "$payload/$file" "$staged/$file"
    chown root:redis-ha-proxy "$staged/$file"
    chmod 640 "$staged/$file"
  done
  if ! as_account redis-ha-proxy "$candidate" check "$staged/proxy.json" >"$payload/check"; then
    cat "$payload/check"
    rm -rf "$staged"
    fail "the proxy does not accept its configuration; the running proxy is left as it is: $(tail -n 1 "$payload/check" | tr -cd '[:print:]')"
  fi
  rm -rf "$staged"
}

take_into_use() {
  local file
  if [ -f "$program.redis-ha-new" ]; then
    mv -f -T "$program.redis-ha-new" "$program"
    label "$program"
    say 'installed /usr/local/bin/redis-ha-proxy'
  fi
  # The unit first: a service of a former unit that restarts by itself meanwhile could not read the passwords.
  install_file "$payload/redis-ha-proxy.service" /etc/systemd/system/redis-ha-proxy.service 644 root:root
  systemctl daemon-reload
  for file in $files; do
    case $file in
      # Root's alone: systemd hands them to the service (LoadCredential in the unit).
      *.password) install_file "$payload/$file" "$configuration/$file" 600 root:root ;;
      *) install_file "$payload/$file" "$configuration/$file" 640 root:redis-ha-proxy ;;
    esac
  done
  for file in $tls_files; do
    install_file "$payload/$file" "$configuration/$file" 640 root:redis-ha-proxy proxy-reload
  done
  systemctl enable redis-ha-proxy.service
  # What the running process was started with: a change that an interrupted apply left behind still leads to a restart.
  # shellcheck disable=SC2086 # a list
  (cd "$root$configuration" && sha256sum "$program" "$root/etc/systemd/system/redis-ha-proxy.service" $files) | cut -d ' ' -f 1 >"$payload/wanted"
  if ! systemctl is-active --quiet redis-ha-proxy.service || ! cmp -s "$payload/wanted" "$state/proxy-started"; then
    say 'starting the proxy'
    if ! timeout 120 systemctl restart redis-ha-proxy.service; then
      journalctl --no-pager --unit redis-ha-proxy.service --lines 15 || true
      fail 'the proxy does not start (its last log lines are above)'
    fi
    cp "$payload/wanted" "$state/proxy-started"
  elif pending proxy-reload; then
    say 'the proxy takes the new certificate; its sessions go on'
    systemctl reload redis-ha-proxy.service || fail 'the proxy does not take the new certificate (journalctl -u redis-ha-proxy says why); it goes on with the old one'
  fi
  settled proxy-reload
  for file in tls.crt tls.key clients-ca.crt admin.crt admin.key redis-ca.crt metrics.password; do
    if [ ! -f "$payload/$file" ]; then rm -f "$root$configuration/$file"; fi
  done
}

step 'scripts and the node facts'
install_scripts
step 'root file system'
grow_root
step 'packages'
# shellcheck disable=SC2086 # a list
packages $proxy_packages
no_automatic_reboots
step 'user and directories'
create_account redis-ha-proxy
install_directory "$configuration" 750 root:redis-ha-proxy
install_directory /var/lib/redis-ha-proxy 750 redis-ha-proxy:redis-ha-proxy
step 'kernel settings'
kernel_settings "$payload/sysctl.conf"
# shellcheck disable=SC2086 # a list
admit '{{redis-port}}' '{{admin-port}}' ${REDIS_HA_PORTS:-}
step 'the proxy program'
fetch_program
step 'the proxy configuration'
check_configuration
step 'the proxy service'
take_into_use
step 'completion and man page'
install_help
rm -f "$root/var/log/redis-ha-apply.log"
conclude

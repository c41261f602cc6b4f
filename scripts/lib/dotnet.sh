# shellcheck shell=bash
# The .NET SDK, for the scripts that build. Sourced by scripts.

# find_dotnet: puts dotnet on the PATH from where Microsoft's packages and its install script have it; ends with 1 when it is nowhere.
find_dotnet() {
  local home candidate
  if command -v dotnet >/dev/null; then return 0; fi
  home=$(getent passwd "${SUDO_USER:-root}" 2>/dev/null | cut -d : -f 6) || home=${HOME:-/root}
  for candidate in "${DOTNET_ROOT:-}" "$home/.dotnet" "${HOME:-/root}/.dotnet" /usr/share/dotnet /usr/lib/dotnet; do
    if [ -n "$candidate" ] && [ -x "$candidate/dotnet" ]; then
      export PATH=$candidate:$PATH
      return 0
    fi
  done
  return 1
}

# dotnet_lack ROOT: prints in one line what the repository at ROOT lacks to be built, and how to get it; nothing when it can be.
# What .NET itself needs: https://learn.microsoft.com/dotnet/core/install/linux-debian#dependencies
dotnet_lack() {
  local said
  if ! find_dotnet; then
    echo "the .NET SDK 10 is missing. Ubuntu: apt-get install dotnet-sdk-10.0. Debian: curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s --" \
      "--channel 10.0. More ways: https://dotnet.microsoft.com/download/dotnet/10.0"
  elif ! said=$({ cd "$1" && DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 dotnet --version; } 2>&1); then
    case $said in
      *libicu*) echo ".NET needs the library ICU: apt-get install $(icu_package)" ;;
      *"compatible .NET SDK was not found"*)
        echo "the .NET SDK 10 is needed (global.json), and $(command -v dotnet) has $(dotnet --list-sdks | cut -d ' ' -f 1 | xargs | grep . || echo none):" \
          "https://dotnet.microsoft.com/download/dotnet/10.0"
        ;;
      *) echo "$(command -v dotnet) does not start: $(tail -n 1 <<<"$said")" ;;
    esac
  fi
}

# require_dotnet ROOT BEFORE [AFTER]: ends the script with 1 and one line, BEFORE, what is missing and AFTER, when ROOT cannot be built here.
require_dotnet() {
  local lack
  find_dotnet || true
  lack=$(dotnet_lack "$1")
  if [ -n "$lack" ]; then
    echo "$2: $lack${3:-}" >&2
    exit 1
  fi
}

# icu_package: the package of the library ICU, which has another name in each release.
icu_package() {
  apt-cache pkgnames libicu 2>/dev/null | grep -x 'libicu[0-9]*' | sort | tail -n 1 | grep . || echo libicu-dev
}

# shellcheck shell=bash
# Chooses where the Pulumi types come from on this machine: the packages, or tests/PulumiStandIn where those cannot be
# restored. Sourced by scripts/test, scripts/lab and .ci/run; see docs/development.md.
#
# The choice "stand-in" is the file PulumiPackages.props in the repository's root, which Directory.Build.props imports;
# no file means the packages. A choice holds until the pinned versions or NuGet's configuration change.

# choose_pulumi_packages ROOT: makes the choice. Says so in one line when it is the stand-in.
# Returns 1, with an error, when the packages could not be looked for.
choose_pulumi_packages() {
  local root=$1 props=$1/PulumiPackages.props restorable=$1/artifacts/pulumi-packages/restorable
  local asked log stand_in=0

  if [[ -n ${PulumiPackages:-} ]]; then
    # MSBuild takes the variable as the property: the user has chosen.
    echo "Pulumi packages: $PulumiPackages, by the environment variable PulumiPackages" >&2
    return 0
  fi

  asked=$(_pulumi_packages_question "$root")
  if [[ -f $props ]] && grep -q -- "$asked" "$props"; then
    stand_in=1
  elif [[ ! -f $props ]] && [[ -f $restorable ]] && grep -q -- "$asked" "$restorable"; then
    return 0
  else
    mkdir -p "${restorable%/*}"
    log=${restorable%/*}/restore.log
    if DOTNET_CLI_UI_LANGUAGE=en timeout 600 dotnet restore "$root/infra/RedisHaInfra.csproj" -p:PulumiPackages=nuget \
      --artifacts-path "${restorable%/*}" --verbosity quiet </dev/null >"$log" 2>&1; then
      rm -f "$props"
      echo "$asked" >"$restorable"
      return 0
    fi

    # NU1101: no such package, NU1102 and NU1103: not this version, NU1603: only a later version.
    if ! grep -qE 'error NU(1101|1102|1103|1603):.*Pulumi' "$log"; then
      {
        echo "error: cannot find out whether Pulumi's packages can be restored:"
        grep -m 3 -oE 'error .*' "$log" || tail -n 3 "$log"
        echo "All of it is in $log. Repair the connection or NuGet's configuration, or set PulumiPackages=stand-in to go on without them."
      } >&2
      return 1
    fi

    rm -f "$restorable"
    cat >"$props" <<PROPS
<Project>
  <!--
    Written by scripts/lib/pulumi-packages.sh: Pulumi's packages cannot be restored on this machine. Delete this file to
    use the packages, or to have a script look for them again.
    Question: $asked
  -->
  <PropertyGroup>
    <PulumiPackages Condition="'\$(PulumiPackages)' == ''">stand-in</PulumiPackages>
  </PropertyGroup>
</Project>
PROPS
    stand_in=1
  fi

  if ((stand_in)); then
    echo "Pulumi packages: not available from this machine's NuGet sources; using the stand-in, tests/PulumiStandIn (PulumiPackages.props holds the choice)" >&2
  fi
}

# What the choice depends on, as one word: pinned versions, the project that uses them, NuGet's configuration.
_pulumi_packages_question() {
  local root=$1 file
  {
    grep -h 'Include="Pulumi' "$root/Directory.Packages.props" "$root/infra/RedisHaInfra.csproj"
    while IFS= read -r file; do
      echo "$file"
      cat "$file"
    done < <(dotnet nuget config paths --working-directory "$root" </dev/null 2>/dev/null | grep -v '^$')
    echo "${NUGET_PACKAGES:-}"
  } | sha256sum | cut -c 1-32
}

# shellcheck shell=bash
# Completion of tcptoolctl for bash. What there is to complete, it asks the program.
# To be installed as /usr/share/bash-completion/completions/tcptoolctl.

# Prints the options of the line that say where the service is, and who calls, each
# with its value, a word a line. From the line itself: bash splits words at ":" and "=".
_tcptoolctl_service() {
  local -a line
  local i
  read -r -a line <<<"${COMP_LINE:0:COMP_POINT}"
  for ((i = 1; i < ${#line[@]}; i++)); do
    case ${line[i]} in
      --server | --token-file | --tls-ca | --tls-cert | --tls-key | --tls-server-name)
        ((i + 1 < ${#line[@]})) && printf '%s\n' "${line[i]}" "${line[i + 1]}"
        ;;
      --server=* | --token-file=* | --tls | --tls-ca=* | --tls-cert=* | --tls-key=* | --tls-server-name=*)
        printf '%s\n' "${line[i]}"
        ;;
    esac
  done
}

# Prints the names that "list", "receptions", "distributions" or "nodes" lists; none with
# other characters than names have: bash expands what it completes ("compgen -W"), and what
# says such a name is no service of ours.
_tcptoolctl_names() {
  local -a service
  mapfile -t service < <(_tcptoolctl_service)
  # The service may be away: not for long.
  "${COMP_WORDS[0]}" "${service[@]}" --timeout 1s "$1" 2>/dev/null |
    awk 'NR > 1 && $1 ~ /^[A-Za-z0-9._\/-]+$/ { print $1 }'
}

_tcptoolctl() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]}
  local previous=${COMP_WORDS[COMP_CWORD - 1]}
  # What of the word is there already, and stays before each offer.
  local before=""
  # "--option=value" is three words where bash splits at "=" (COMP_WORDBREAKS), else one.
  if [[ ${current} == "=" ]]; then
    current=""
  elif [[ ${previous} == "=" ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  elif [[ ${current} == --*=* ]]; then
    previous=${current%%=*}
    before=${previous}=
    current=${current#*=}
  fi
  local commands command="" word words="" help
  commands=$("${program}" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z]\+\) .*/\1/p')
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ ${word} != -* ]] && grep -qxF -- "${word}" <<<"${commands}"; then
      command=${word}
      break
    fi
  done
  help=$("${program}" --help)
  [[ -z ${command} ]] || help+=$'\n'$("${program}" "${command}" --help)

  COMPREPLY=()
  if [[ ${previous} == --output ]]; then
    words="table json"
  elif [[ ${previous} == --reception ]]; then
    words=$(_tcptoolctl_names receptions)
    # IDs too; not before anything is there: each would be offered twice.
    [[ -z ${current} ]] || words+=" ${words//receptions\//}"
  elif [[ ${command} == distribute && ${previous} == --to ]]; then
    words="all $(_tcptoolctl_names nodes)"
    if [[ ${current} == *,* ]]; then
      before+=${current%,*},
      current=${current##*,}
    fi
  elif [[ ${previous} == --* ]] && grep -qE -- "^ +${previous} ([A-Z]+\|)?FILE\b" <<<"${help}"; then
    mapfile -t COMPREPLY < <(compgen -P "${before}" -f -- "${current}")
    # A directory is gone on in, and what a shell would split is quoted.
    compopt -o filenames 2>/dev/null
    return
  elif [[ ${previous} == --* ]] && grep -qE -- "^ +${previous} [A-Z]" <<<"${help}"; then
    return # A value that only the user knows.
  elif [[ ${current} == -* ]]; then
    words=$(grep -oE '^ +(-[a-z],)?--[a-z0-9-]+' <<<"${help}" | grep -oE -- '--.*' | sort -u)
  elif [[ -z ${command} ]]; then
    words=${commands}
  elif grep -q 'ID or sessions/ID' <<<"${help}"; then
    words=$(_tcptoolctl_names list)
    # As others call them, for whoever has begun so.
    [[ ${current} != sessions/* ]] || words=$(sed -n 's,.\+,sessions/&,p' <<<"${words}")
    if grep -q 'receptions/ID' <<<"${help}"; then
      words+=" $(_tcptoolctl_names receptions)"
    fi
    if grep -q 'distributions/ID' <<<"${help}"; then
      words+=" $(_tcptoolctl_names distributions)"
    fi
  elif grep -q 'ID or distributions/ID' <<<"${help}"; then
    words=$(_tcptoolctl_names distributions)
    [[ -z ${current} ]] || words+=" ${words//distributions\//}"
  fi
  mapfile -t COMPREPLY < <(compgen -P "${before}" -W "${words}" -- "${current}")
}

complete -F _tcptoolctl tcptoolctl

# shellcheck shell=bash
# Completion of tcptool for bash. What there is to complete, it asks the program.
# To be installed as /usr/share/bash-completion/completions/tcptool.

_tcptool() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]}
  local previous=${COMP_WORDS[COMP_CWORD - 1]} help
  help=$("${program}" --help)

  COMPREPLY=()
  if [[ ${previous} == -d ]]; then
    mapfile -t COMPREPLY < <(compgen -W "none error warning info progress debug" -- "${current}")
  elif [[ ${previous} == -r ]]; then
    mapfile -t COMPREPLY < <(compgen -A hostname -S : -- "${current}")
    compopt -o nospace 2>/dev/null
  elif [[ ${previous} == -c ]]; then
    mapfile -t COMPREPLY < <(compgen -W "unlimited" -- "${current}")
  elif [[ ${previous} =~ ^--tls-(client-)?(ca|cert|key)$ ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "${current}")
  elif [[ ${previous} == -* ]] && grep -qE -- "^ +${previous} [A-Z]" <<<"${help}"; then
    return # A value that only the user knows.
  elif [[ ${current} == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W \
      "$(grep -oE '^ +--?[a-z][a-z0-9-]*' <<<"${help}")" -- "${current}")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "${current}")
  fi
}

complete -o filenames -F _tcptool tcptool

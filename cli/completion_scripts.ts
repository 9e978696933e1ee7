/** The text as it stands there, but for the backslash before `${`. */
function script({ raw }: TemplateStringsArray): string {
  return raw.join("").replaceAll("\\${", "${");
}

/**
 * They can be read again and again, define one function each, and run nothing but `criu-aware complete`, which gets the words as they
 * stand there: nothing in them is evaluated.
 */
export const scripts: Readonly<Record<"bash" | "zsh" | "fish", string>> = {
  // With several candidates bash inserts only what they have in common, so that descriptions can be shown; a menu would insert all.
  bash: script`# criu-aware: completion for bash
_criu_aware() {
  local cur=$2 lines besides line
  [ "$cur" = = ] && cur=
  COMPREPLY=()
  mapfile -t lines < <(criu-aware complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [ "\${#lines[@]}" -gt 0 ] || return 0
  besides=\${lines[-1]}
  unset 'lines[-1]'
  for line in "\${lines[@]}"; do
    if [ "\${#lines[@]}" -gt 1 ] && [[ \${COMP_TYPE:-9} =~ ^(9|33|63|64)$ ]] && [ -n "\${line#*$'\t'}" ]; then
      COMPREPLY+=("\${line%%$'\t'*}  (\${line#*$'\t'})")
    else
      COMPREPLY+=("\${line%%$'\t'*}")
    fi
  done
  case $besides in
    :files) compopt -o default ;;
    :directories) compopt -o dirnames ;;
  esac
}
complete -F _criu_aware criu-aware`,

  zsh: script`#compdef criu-aware
# criu-aware: completion for zsh
_criu_aware() {
  local -a lines described
  lines=("\${(@f)$(criu-aware complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  local besides=\${lines[-1]} line
  lines[-1]=()
  compset -P '--*='
  for line in "\${(@)lines}"; do
    line="\${\${line%%$'\t'*}//:/\\:}:\${line#*$'\t'}"
    described+=("\${line%:}")
  done
  local found=1
  (( $#described )) && _describe -V criu-aware described && found=0
  case $besides in
    :files) _files && found=0 ;;
    :directories) _files -/ && found=0 ;;
  esac
  return found
}
if [[ $funcstack[1] = _criu-aware ]]; then
  _criu_aware "$@"
elif (( $+functions[compdef] )); then
  compdef _criu_aware criu-aware
else
  print -u2 'criu-aware: load the completion of zsh first: autoload -Uz compinit && compinit'
fi`,

  fish: script`# criu-aware: completion for fish
function __criu_aware_complete
    set -l word (commandline -ct)
    set -l before (commandline -opc)
    set -l lines (criu-aware complete -- $before[2..-1] "$word" 2>/dev/null)
    set -l flag (string match -r -- '^--[^=]+=' "$word")
    set -l value (string replace -r -- '^--[^=]+=' '' "$word")
    for line in $lines[1..-2]
        echo "$flag$line"
    end
    switch "$lines[-1]"
        case ':files'
            for found in (__fish_complete_path "$value")
                echo "$flag$found"
            end
        case ':directories'
            for found in (__fish_complete_directories "$value" '')
                echo "$flag$found"
            end
    end
end
complete -c criu-aware -e
complete -c criu-aware -f -a '(__criu_aware_complete)'`,
};

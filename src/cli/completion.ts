import { Argument, type Command } from 'commander';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';

/** What a shell needs to know of one command. */
interface Completable {
  readonly name: string;
  readonly description: string;
  readonly options: readonly {
    readonly flag: string;
    readonly description: string;
    readonly values: readonly string[];
    readonly takesValue: boolean;
  }[];
  /** Values of the first argument, where it has a closed list. */
  readonly words: readonly string[];
  readonly files: boolean;
}

/** `layerwright completion SHELL`: the script is made from the commands as they are, so it can't fall behind them. */
export function completionCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('completion')
      .summary('print a completion script for bash or zsh')
      .description('Prints a script that completes commands and options.')
      .addArgument(new Argument('<shell>', 'bash or zsh').choices(['bash', 'zsh']))
      .action(
        act(context, (shell: string) => {
          const commands = completables(program);
          context.terminal.out(shell === 'bash' ? bash(commands) : zsh(commands));
          return EXIT.ok;
        }),
      ),
    ['layerwright completion bash > /etc/bash_completion.d/layerwright', 'source <(layerwright completion zsh)'],
  );
}

function completables(program: Command): Completable[] {
  const global = program.options;
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.summary(),
    options: [...command.options, ...global, program.createOption('-h, --help', 'display help for command')]
      .filter((option) => !option.hidden)
      .flatMap((option) =>
        [option.long, option.short]
          .filter((flag) => flag !== null && flag !== undefined)
          .map((flag) => ({
            flag,
            description: option.description,
            values: option.argChoices ?? [],
            takesValue: option.required || option.optional,
          })),
      ),
    words: command.registeredArguments[0]?.argChoices ?? [],
    files: command.registeredArguments[0]?.name() === 'file',
  }));
}

function bash(commands: readonly Completable[]): string {
  const cases = commands.flatMap(({ name, options, words, files }) => [
    `    ${name})`,
    `      words=${quote([...words, ...options.map(({ flag }) => flag)].join(' '))}`,
    `      files=${files ? 1 : 0}`,
    `      values=${quote(
      options
        .filter(({ takesValue }) => takesValue)
        .map(({ flag }) => flag)
        .join(' '),
    )}`,
    ...options
      .filter(({ values }) => values.length > 0)
      .map(
        ({ flag, values }) =>
          `      [[ $previous == ${flag} ]] && COMPREPLY=($(compgen -W ${quote(values.join(' '))} -- "$current")) && return`,
      ),
    '      ;;',
  ]);
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is the shell that fills these in
  return [
    '# bash completion for layerwright; source it',
    '_layerwright() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="" words="" values="" files=0 word',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    `    case " ${commands.map(({ name }) => name).join(' ')} " in *" $word "*) command="$word"; break;; esac`,
    '  done',
    '  COMPREPLY=()',
    '  case "$command" in',
    `    "") words=${quote([...commands.map(({ name }) => name), 'help', '--help', '--version', '--config'].join(' '))}; values="--config -c" ;;`,
    ...cases,
    '  esac',
    '  if [[ " $values " == *" $previous "* || $current != -* && $files == 1 ]]; then COMPREPLY=($(compgen -f -- "$current")); return; fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o filenames -F _layerwright layerwright',
  ].join('\n');
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is the shell that fills these in
}

function zsh(commands: readonly Completable[]): string {
  const cases = commands.flatMap(({ name, options, words, files }) => [
    `    ${name})`,
    '      _arguments \\',
    ...options.map(({ flag, description, values, takesValue }) => {
      const value = takesValue ? `:value:${values.length > 0 ? `(${values.join(' ')})` : '_files'}` : '';
      return `        ${quote(`${flag}[${description.replace(/[[\]:']/g, ' ')}]${value}`)} \\`;
    }),
    `        ${quote(words.length > 0 ? `1:argument:(${words.join(' ')})` : `*:argument:${files ? '_files' : ' '}`)}`,
    '      ;;',
  ]);
  return [
    '#compdef layerwright',
    '_layerwright() {',
    '  local -a commands',
    '  commands=(',
    ...commands.map(({ name, description }) => `    ${quote(`${name}:${description.replace(/'/g, '’')}`)}`),
    '  )',
    '  if (( CURRENT == 2 )); then _describe command commands; return; fi',
    '  local command=$words[2]',
    '  shift words; (( CURRENT-- ))',
    '  case $command in',
    ...cases,
    '  esac',
    '}',
    'compdef _layerwright layerwright',
  ].join('\n');
}

function quote(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}

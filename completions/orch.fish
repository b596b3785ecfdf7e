# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_orch_global_optspecs
    string join \n config= ledger= q/quiet v/verbose h/help V/version
end

function __fish_orch_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_orch_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_orch_using_subcommand
    set -l cmd (__fish_orch_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c orch -n "__fish_orch_needs_command" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_needs_command" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_needs_command" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_needs_command" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_needs_command" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_needs_command" -s V -l version -d 'Print version'
complete -c orch -n "__fish_orch_needs_command" -f -a "eval" -d 'Run a prompt dataset across models; end with a verdict'
complete -c orch -n "__fish_orch_needs_command" -f -a "models" -d 'Show the models that are known, with prices, windows and capabilities'
complete -c orch -n "__fish_orch_needs_command" -f -a "check" -d 'Check the configuration'
complete -c orch -n "__fish_orch_needs_command" -f -a "init" -d 'Write a commented configuration to begin with'
complete -c orch -n "__fish_orch_needs_command" -f -a "mock" -d 'Serve simulated providers on loopback, for benchmarks and rehearsals'
complete -c orch -n "__fish_orch_needs_command" -f -a "completions" -d 'Print the completions of a shell, or the manual page'
complete -c orch -n "__fish_orch_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -s m -l models -d 'Candidates: provider/model, an alias, or recorded answers (replay:FILE, replay:FILE#MODEL); parameters stand after ? (openai/gpt-5-mini?temperature=0)' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l incumbent -d 'The candidate in use today, that others are compared with' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l scorer -d 'A scorer for rows that name none: equals, numeric, contains:TEXT, regex:PATTERN, or JSON' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l repeat -d 'Answers per prompt and candidate' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l limit -d 'Use a random part of the prompts' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l system -d 'A system prompt for rows that have none' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l template -d 'A prompt template (minijinja) that rows are rendered through' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l format -d 'The format of the datasets, when their names do not tell: jsonl, csv, tsv, text' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -s c -l concurrency -d 'Calls at once; adapts below this to what each provider bears [default: 32]' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l max-cost -d 'Never spend more than this: the worst case is held before each call; `none` lifts the cap of a suite or run' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l resume -d 'Make only the missing calls of a run; `last` is the latest' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l seed -d 'The seed of everything random [default: 7]' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l gate -d 'What every candidate must reach, such as \'accepted >= 0.95\' or \'p95 <= 800ms\' (a bare 800 is ms too); of the incumbent it is shown only' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l margin -d 'How much worse than the incumbent a candidate may be [default: 2pp]' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l record -d 'Write every answer to a file as it comes, for replay:FILE#MODEL; .gz is gzipped. With --resume the file goes on' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -s o -l out -d 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l allow-unknown-model -d 'Ask models of known providers that the catalogue does not list'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l skip-bad -d 'Count bad rows and go on without them'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l allow-exec -d 'Let rows of the datasets name programs that score (exec); they run with your rights'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l retry-errors -d 'With --resume: ask again for what failed for reasons that are not the answer\'s (a key, a limit, an outage)'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l no-stream -d 'Ask for whole answers instead of streams; there is no time to first token then'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l early-stop -d 'Stop as soon as every comparison is decided (valid at every look); with gates, only when every candidate is shown to be worse'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l require-decision -d 'Exit with 5 when a verdict is inconclusive'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -l json -d 'The summary as one JSON object on stdout'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -a "list" -d 'List recorded runs, newest first'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -a "show" -d 'Show a recorded run'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -a "compare" -d 'Compare candidates of two recorded runs on the prompts they share'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -a "rescore" -d 'Score a recorded run again, without any calls'
complete -c orch -n "__fish_orch_using_subcommand eval; and not __fish_seen_subcommand_from list show compare rescore help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from list" -s n -l limit -d 'How many' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from list" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from list" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from list" -l json -d 'One JSON object a line'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from show" -s o -l out -d 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from show" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from show" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from show" -l json -d 'The summary as one JSON object on stdout'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from compare" -l margin -d 'How much worse the candidate may be' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from compare" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from compare" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from compare" -l json -d 'One JSON object on stdout'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from compare" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from compare" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from compare" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from rescore" -l scorer -d 'Scorers in place of the run\'s own, for rows that name none' -r
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from rescore" -s o -l out -d 'Write a report: .html, .md, .json, .jsonl, .csv or .xml (JUnit); may be given several times' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from rescore" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from rescore" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from rescore" -l json -d 'The summary as one JSON object on stdout'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from rescore" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from rescore" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from rescore" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from help" -f -a "list" -d 'List recorded runs, newest first'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a recorded run'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from help" -f -a "compare" -d 'Compare candidates of two recorded runs on the prompts they share'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from help" -f -a "rescore" -d 'Score a recorded run again, without any calls'
complete -c orch -n "__fish_orch_using_subcommand eval; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c orch -n "__fish_orch_using_subcommand models; and not __fish_seen_subcommand_from list show import help" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand models; and not __fish_seen_subcommand_from list show import help" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand models; and not __fish_seen_subcommand_from list show import help" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand models; and not __fish_seen_subcommand_from list show import help" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand models; and not __fish_seen_subcommand_from list show import help" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand models; and not __fish_seen_subcommand_from list show import help" -f -a "list" -d 'List models with their prices in dollars per million tokens'
complete -c orch -n "__fish_orch_using_subcommand models; and not __fish_seen_subcommand_from list show import help" -f -a "show" -d 'Show everything known about one model'
complete -c orch -n "__fish_orch_using_subcommand models; and not __fish_seen_subcommand_from list show import help" -f -a "import" -d 'Convert LiteLLM\'s or models.dev\'s price table (JSON, plain or gzipped) to a catalogue on stdout'
complete -c orch -n "__fish_orch_using_subcommand models; and not __fish_seen_subcommand_from list show import help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from list" -l provider -d 'Only models of this provider' -r
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from list" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from list" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from list" -l json -d 'Print the entries as a catalogue in JSON'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from show" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from show" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from show" -l json -d 'Print the entry as JSON'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from import" -l provider -d 'Only models of this provider' -r
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from import" -l read -d 'The day the table is of [default: today]' -r
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from import" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from import" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "list" -d 'List models with their prices in dollars per million tokens'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show everything known about one model'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "import" -d 'Convert LiteLLM\'s or models.dev\'s price table (JSON, plain or gzipped) to a catalogue on stdout'
complete -c orch -n "__fish_orch_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c orch -n "__fish_orch_using_subcommand check" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand check" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand check" -l json -d 'Print what was found as JSON'
complete -c orch -n "__fish_orch_using_subcommand check" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand check" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand check" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand init" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand init" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand init" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand init" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand init" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand mock" -l listen -d 'Address to listen on; port 0 takes a free one' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l latency -d 'Pause before each answer' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l event-gap -d 'Pause between the events of a stream' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l rps -d 'Requests per second before answering 429' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l burst -d 'Requests that may come at once under --rps; not for the fixed window' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l limit -d 'How --rps is counted' -r -f -a "token-bucket\t''
fixed-window\t'Windows of one second'
gcra\t''"
complete -c orch -n "__fish_orch_using_subcommand mock" -l hint -d 'How a 429 says how long to wait' -r -f -a "none\t''
retry-after\t''
retry-after-ms\t''"
complete -c orch -n "__fish_orch_using_subcommand mock" -l errors -d 'Share of requests that fail, 0 to 1' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l error-status -d 'Status they fail with' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l wrong -d 'Share of sums answered wrongly, 0 to 1' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l fault-delay -d 'How long the model fault/slow-first-token makes a client wait' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l seed -d 'What chance depends on' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l for -d 'Stop after this time instead of at ctrl-c' -r
complete -c orch -n "__fish_orch_using_subcommand mock" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand mock" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand mock" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand mock" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand mock" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand completions" -l config -d 'The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand completions" -l ledger -d 'The ledger [default: the configuration\'s, else orch/ledger.db in the XDG data directory]' -r -F
complete -c orch -n "__fish_orch_using_subcommand completions" -s q -l quiet -d 'Only results and errors: no progress, no notes'
complete -c orch -n "__fish_orch_using_subcommand completions" -s v -l verbose -d 'Log what happens to stderr; twice for more'
complete -c orch -n "__fish_orch_using_subcommand completions" -s h -l help -d 'Print help'
complete -c orch -n "__fish_orch_using_subcommand help; and not __fish_seen_subcommand_from eval models check init mock completions help" -f -a "eval" -d 'Run a prompt dataset across models; end with a verdict'
complete -c orch -n "__fish_orch_using_subcommand help; and not __fish_seen_subcommand_from eval models check init mock completions help" -f -a "models" -d 'Show the models that are known, with prices, windows and capabilities'
complete -c orch -n "__fish_orch_using_subcommand help; and not __fish_seen_subcommand_from eval models check init mock completions help" -f -a "check" -d 'Check the configuration'
complete -c orch -n "__fish_orch_using_subcommand help; and not __fish_seen_subcommand_from eval models check init mock completions help" -f -a "init" -d 'Write a commented configuration to begin with'
complete -c orch -n "__fish_orch_using_subcommand help; and not __fish_seen_subcommand_from eval models check init mock completions help" -f -a "mock" -d 'Serve simulated providers on loopback, for benchmarks and rehearsals'
complete -c orch -n "__fish_orch_using_subcommand help; and not __fish_seen_subcommand_from eval models check init mock completions help" -f -a "completions" -d 'Print the completions of a shell, or the manual page'
complete -c orch -n "__fish_orch_using_subcommand help; and not __fish_seen_subcommand_from eval models check init mock completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c orch -n "__fish_orch_using_subcommand help; and __fish_seen_subcommand_from eval" -f -a "list" -d 'List recorded runs, newest first'
complete -c orch -n "__fish_orch_using_subcommand help; and __fish_seen_subcommand_from eval" -f -a "show" -d 'Show a recorded run'
complete -c orch -n "__fish_orch_using_subcommand help; and __fish_seen_subcommand_from eval" -f -a "compare" -d 'Compare candidates of two recorded runs on the prompts they share'
complete -c orch -n "__fish_orch_using_subcommand help; and __fish_seen_subcommand_from eval" -f -a "rescore" -d 'Score a recorded run again, without any calls'
complete -c orch -n "__fish_orch_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "list" -d 'List models with their prices in dollars per million tokens'
complete -c orch -n "__fish_orch_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "show" -d 'Show everything known about one model'
complete -c orch -n "__fish_orch_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "import" -d 'Convert LiteLLM\'s or models.dev\'s price table (JSON, plain or gzipped) to a catalogue on stdout'

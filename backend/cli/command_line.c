/* command_line - the table of commands, and who is called by it.
 *
 * Whoever adds a command adds a row, and its options above: --help, the list, what is said of a
 * mistyped name, alipes(8) and the shell's completion follow. A name may have two words; one that
 * begins with a dash is a command like any other. */

#include "cli/command_line.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/version.h"
#include "cli/call.h"
#include "cli/config_cmd.h"
#include "cli/daemon_cmd.h"
#include "cli/doctor/doctor_cmd.h"
#include "cli/health_cmd.h"
#include "cli/help.h"
#include "cli/history_cmd.h"
#include "cli/init_cmd.h"
#include "cli/publish_cmd.h"
#include "cli/stat_cmd.h"
#include "cli/streams_cmd.h"
#include "cli/subscribe_cmd.h"
#include "cli/token_cmd.h"
#include "cli/token_inspect.h"
#include "cli/trace_cmd.h"
#include "config/config.h"
#include "config/foreign.h"
#include "process.h"

#include <stdio.h>
#include <string.h>

static int print_version(const struct call *);
static int print_man(const struct call *);
static int print_completion(const struct call *);

#define CONFIGURATION                                                                              \
    {                                                                                              \
        "-c", "FILE",                                                                              \
            "the configuration; without it that of the environment, else"                          \
            "\n.alipes/alipes.conf in the home, else /etc/alipes/alipes.conf",                     \
            0                                                                                      \
    }

static const struct command_option configuration[] = {CONFIGURATION, {0}};

static const struct command_option start_options[] = {
    {"--unless-stopped", NULL, "not where `alipes stop` was said last: for cron", 0},
    CONFIGURATION,
    {0},
};

static const struct command_option init_options[] = {
    {"--listen", "ADDRESS",
     "where the web server comes to, as in :8080; without it a\nsocket in FOLDER", 0},
    {0},
};

static const struct command_option stat_options[] = {
    {"--watch", "DURATION", "again and again", 0},
    {"--all", NULL, "everything that is counted", 0},
    CONFIGURATION,
    {0},
};

static const struct command_option streams_options[] = {
    {"--json", NULL, "each stream as a line of JSON", 0},
    CONFIGURATION,
    {0},
};

static const struct command_option token_options[] = {
    {"--publish", "TOPIC", "what it may publish; * is everything", COMMAND_OPTION_ALL},
    {"--subscribe", "TOPIC", "what it may subscribe to", COMMAND_OPTION_ALL},
    {"--payload", "JSON", "what subscription events tell of its subscriber", 0},
    {"--exp", "DURATION", "how long it is good: 1h unless given", 0},
    {"--dialect", "0|1", "of the protocol; follows from the configuration unless given", 0},
    {"--issuer", "ID", "1.0: who signs (default: the configuration's first issuer)", 0},
    {"--audience", "URL", "1.0: for which hub (default: resource_identifier)", 0},
    {"--alg", "ALG", "HS256, RS256, ES256 …; follows from the key unless given", 0},
    {"--key-file", "FILE", "the key is this: a secret, or a private key as PEM", 0},
    {"-c", "FILE", "the key is the one of this configuration", 0},
    {"--key", "KEY",
     "a secret on a command line is no secret: use --key-file, -c or the environment",
     COMMAND_OPTION_REFUSED},
    {"--secret", "KEY",
     "a secret on a command line is no secret: use --key-file, -c or the environment",
     COMMAND_OPTION_REFUSED},
    {0},
};

static const struct command_option dump_options[] = {
    {"--topic", "TOPIC", "those alone; * and a template may match several", 0},
    {"--since", "DURATION", "those of the last hour, say: 1h", 0},
    CONFIGURATION,
    {0},
};

static const struct command_option inspect_options[] = {
    CONFIGURATION,
    {"--audience", "URL", "1.0: for which hub (default: resource_identifier)", 0},
    {"--publish", "TOPIC", "may it publish this?", 0},
    {"--subscribe", "TOPIC", "may it subscribe to this?", 0},
    {0},
};

static const struct command_option doctor_options[] = {
    CONFIGURATION,
    {"--json", NULL, "one object, for programs", 0},
    {"--ca", "FILE", "the authorities (PEM) that sign the site's certificate", 0},
    {"--token", "FILE",
     "a token for all of it, where the configuration\nhas no secret to sign one with", 0},
    {"--root", "FOLDER", "the fronts' files are looked for below it", 0},
    {0},
};

#define CLIENT                                                                                     \
    {"--url", "URL", "another hub: its URL (https://example.com/.well-known/mercure)", 0},         \
        {"--token", "FILE",                                                                        \
         "the token in this file, instead of one signed with the\nconfiguration's key", 0},        \
        {"--anonymous", NULL, "without a token", 0},                                               \
        {"--ca", "FILE", "with --url: certificates to trust, as PEM", 0}, CONFIGURATION

static const struct command_option publish_options[] = {
    {"--private", NULL, "only for those whose token grants the topic", 0},
    {"--type", "TYPE", "the event's type; pages hear it with addEventListener()", 0},
    {"--id", "ID", "its id, in place of one of the hub's making", 0},
    {"--retry", "MS", "how long browsers wait before they come back", 0},
    CLIENT,
    {0},
};

static const struct command_option subscribe_options[] = {
    {"--from", "ID", "what came behind that id first; earliest is the whole history", 0},
    {"--json", NULL, "each event as a line of JSON, as in history dump", 0},
    {"--count", "N", "ends after so many events", 0},
    CLIENT,
    {0},
};

static const struct command commands[] = {
    {"publish", "TOPIC… [DATA|-]", 1, 1000, "publishes an update, and prints its id",
     "Publishes an update to a topic, or to several, and prints its id. The last of several\n"
     "words is the data, - reads it from standard input; with one word it is empty. It is\n"
     "the hub of this configuration, with a token signed for just that, or that of --url.",
     "alipes publish https://example.com/books/1 '{\"status\":\"sold\"}'\n"
     "date | alipes publish --private --type tick https://example.com/clock -",
     publish_options, publish_cmd},
    {"subscribe", "[TOPIC…]", 0, 1000, "listens, and prints each event on a line",
     "Listens to topics (without one: to everything) and prints each event on a line: the\n"
     "time, its id, [its type], its data. Where the stream ends it comes back, as a browser\n"
     "does, behind the last id that it heard. In 1.0 a TOPIC may be urlpattern:PATTERN.",
     "alipes subscribe --from earliest 'https://example.com/books/{id}'\n"
     "alipes subscribe --json --count 1 | jq -r .data",
     subscribe_options, subscribe_cmd},
    {"streams", "", 0, 0, "who is connected",
     "Prints who is connected: address (where the front tells it), how long, state, updates\n"
     "that wait for it, updates sent, the token's sub, topics. It is asked at the first\n"
     "address of metrics_listen (GET /streams), so whoever may read that socket may ask.",
     "sudo alipes streams\n"
     "sudo alipes streams --json | jq -r 'select(.state != \"LIVE\") | .address'",
     streams_options, streams_cmd},
    {"stat", "", 0, 0, "how the hub is, in five lines",
     "Prints in five lines how the hub is: streams, publishes and deliveries a second (it\n"
     "looks twice, a second apart), the history, bounds met. It is asked at the first\n"
     "address of metrics_listen, so whoever may read that socket may ask.",
     "sudo alipes stat\n"
     "sudo alipes stat --watch 2s",
     stat_options, stat_cmd},
    {"health", "", 0, 0, "is the hub of this configuration ready? (exit status)",
     "Asks the hub that runs with this configuration whether its history would take an\n"
     "update now (GET /healthz at the first address of listen). Exit status: 0 it would,\n"
     "1 it would not or nobody answers.",
     "alipes health && echo ready", configuration, health_cmd},
    {"doctor", "[URL]", 0, 1, "what is wrong, from inside and through the public URL?",
     "Looks at the hub from inside (configuration, keys, clock, history, socket, fronts) and\n"
     "through URL, where pages find it (a publish and a subscription, streaming, heartbeat,\n"
     "CORS, cookie), and says of each that it is well, or why not and which line to add. It\n"
     "changes nothing, but publishes a few private updates. Without URL: what public_urls or\n"
     "resource_identifier say, else the inside alone. Exit status: 0 nothing is bad, 1 something.",
     "sudo alipes doctor https://example.com", doctor_options, doctor_cmd},
    {"trace", "[TOPIC]", 0, 1, "what happens to the updates of a topic, live",
     "Shows for each update of TOPIC (without it: of any topic) that it was published, whom\n"
     "it met, and from whom it was withheld and why; who begins and ends to ask for it.\n"
     "Asked as stat is, on the hub's own machine; max_traces of them at a time. Lines are\n"
     "those of the log, never with data. It ends by Ctrl-C.",
     "sudo alipes trace https://example.com/books/1", configuration, trace_cmd},
    {"init", "[FOLDER]", 0, 1, "a configuration and keys, for a user without rights",
     "Makes FOLDER (without it: .alipes in the home) with two keys and a configuration, for\n"
     "a hub of one user that keeps socket, history and log there and needs little. It says\n"
     "how to go on. What is there already is left as it is, and that is no error, unless\n"
     "--listen is given and cannot be written any more.",
     "alipes init && alipes start", init_options, init_cmd},
    {"start", "", 0, 0, "begins the hub in the background",
     "Begins the hub of this configuration, which goes on when its user logs out, and comes\n"
     "back once it is ready. Where it runs already that is all: a line of cron may say it\n"
     "each minute. Exit status: 0 it runs, 1 it cannot, and why is said. Its pid file, locked\n"
     "while it lives, and its log are those of the configuration (pid_file, log), else beside\n"
     "it; files that it names without a / are looked for from there. A pid file that another\n"
     "configuration's hub has is a failure.",
     "alipes start\n"
     "crontab: * * * * * $HOME/bin/alipes start --unless-stopped",
     start_options, daemon_start},
    {"stop", "", 0, 0, "ends it, in order",
     "Ends the hub that `alipes start` began with this configuration, in order, and waits\n"
     "until it is gone: shutdown_timeout and a minute at most. A cron line begins it again\n"
     "within a minute, unless it says --unless-stopped. Exit status: 0 none runs now, 1 it\n"
     "goes on, or another configuration's has its pid file.",
     "alipes stop && alipes start", configuration, daemon_stop},
    {"status", "", 0, 0, "does it run, since when, and where is its log?",
     "Says whether the hub that `alipes start` began with this configuration runs. Exit\n"
     "status: 0 it does, 3 it does not, 4 that cannot be told, or it begins or ends now.",
     "alipes status || alipes start", configuration, daemon_status},
    {"token", "", 0, 0, "makes a token",
     "Makes a token that grants what --publish and --subscribe say, and prints it. It is\n"
     "signed with the key of the configuration, or with one of your own (--key-file). In\n"
     "1.0 a TOPIC may be written exact:TOPIC or urlpattern:PATTERN.",
     "alipes token --publish '*' --exp 10m >token.txt\n"
     "alipes token --publish https://example.com/news --key-file private.pem --alg RS256",
     token_options, token_cmd},
    {"token inspect", "[FILE]", 0, 1, "does the hub take this token, and why not?",
     "Reads a token from FILE or standard input and says in words whether the hub of this\n"
     "configuration takes it, for which role and topics; if not, why, and what to change.\n"
     "With --publish or --subscribe: whether it may for this one topic (the exit status).\n"
     "Where a signature fits no key it tries what people sign with by mistake: another\n"
     "role's key, one with a line end, one that was decoded.",
     "alipes token inspect token.txt\n"
     "alipes token inspect --publish https://example.com/books/1 <token.txt",
     inspect_options, token_inspect},
    {"history stat", "[FOLDER]", 0, 1, "what the history on the disk holds",
     "Prints what the history holds, also beside a running hub; and of what began and\n"
     "ended, where there is a folder subscriptions in it. Which: FOLDER, or that of the\n"
     "configuration. Exit status: 1 some of it is lost, 2 it cannot be looked at.",
     "alipes history stat /var/lib/alipes/history", configuration, history_cmd},
    {"history check", "[FOLDER]", 0, 1, "is every file of it whole?",
     "Says of each of its files, those of subscriptions too, whether it is whole, torn\n"
     "(what a crash leaves of a commit that nobody was told of: nothing is lost) or\n"
     "damaged. Exit status: 1 damage, 2 it cannot be looked at.",
     "alipes history check", configuration, history_cmd},
    {"history dump", "[FOLDER]", 0, 1, "every update as a line of JSON",
     "Writes every update as a line of JSON, oldest first; the begins and ends of active\n"
     "subscriptions too, each in its place. Works beside a running hub.",
     "alipes history dump >updates.jsonl\n"
     "alipes history dump --since 1h --topic 'https://example.com/books/{id}'",
     dump_options, history_cmd},
    {"history restore", "[FOLDER]", 0, 1, "such lines into an empty folder",
     "Reads such lines from standard input into an empty history that no hub has open.\n"
     "Run by root, it works as the owner of the folder, or of the one it is to be made\n"
     "in, so that the hub can go on with its files, and says so. One that does not come to\n"
     "its end leaves nothing.",
     "alipes history restore <updates.jsonl", configuration, history_cmd},
    {"config check", "[FILE]", 0, 1, "is this configuration right?",
     "Says all that is wrong with a configuration, each with its line, and what is worth\n"
     "a note. It looks for groups, folders and files as the user who runs it, and changes\n"
     "nothing. Without FILE: that of the environment, else .alipes/alipes.conf in the home,\n"
     "else /etc/alipes/alipes.conf.",
     "sudo alipes config check", configuration, config_check},
    {"config --help", "", 0, 0, "every directive", "Prints every directive, as in alipes.conf(5).",
     "alipes config --help | grep -A 1 tail", NULL, config_print},
    {"config --man", "", 0, 0, NULL, NULL, NULL, NULL, config_print},
    {"config --man-metrics", "", 0, 0, NULL, NULL, NULL, NULL, config_print},
    {"--version", "", 0, 0, "which version this is", "Prints it.", "alipes --version", NULL,
     print_version},
    {"--man", "", 0, 0, NULL, NULL, NULL, NULL, print_man},
    {"--completion", "", 0, 0, NULL, NULL, NULL, NULL, print_completion},
};

static int
print_version(const struct call *call)
{
    (void)call;
    puts("alipes " VERSION BUILD);
    return 0;
}

static int
print_man(const struct call *call)
{
    (void)call;
    help_man(stdout, commands, COUNT_OF(commands));
    return 0;
}

static int
print_completion(const struct call *call)
{
    (void)call;
    help_bash(stdout, commands, COUNT_OF(commands));
    return 0;
}

static void
list_all(FILE *out)
{
    fputs("alipes: a hub for the Mercure protocol, behind the web server you already run\n\n"
          "    alipes -c FILE            run with this configuration\n"
          "    alipes                    run with what the environment says (MERCURE_…)\n",
          out);
    help_list(out, commands, COUNT_OF(commands), "");
    fputs("\nalipes COMMAND --help tells more of each.\n", out);
}

/* "history": is it the first word of some? */
static bool
is_group(const char *word)
{
    struct slice group = slice_of(word);
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct slice name = slice_of(commands[i].name);
        if (slice_starts(name, group) &&
            slice_eq(slice_head(slice_from(name, group.len), 1), SLICE(" ")))
            return true;
    }
    return false;
}

/* How many words of argv[1…] are the name; 0: another command's. */
static int
words_of(const struct command *c, int argc, char **argv)
{
    int words = 0;
    struct slice rest = slice_of(c->name), word;
    while (slice_cut(&rest, ' ', &word)) {
        if (words + 1 >= argc || !slice_eq(word, slice_of(argv[words + 1])))
            return 0;
        words++;
    }
    return words;
}

/* The longest name that fits. NULL: none. */
static const struct command *
find(int argc, char **argv, int *ret_words)
{
    const struct command *found = NULL;
    *ret_words = 0;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        int words = words_of(&commands[i], argc, argv);
        if (words <= *ret_words)
            continue;
        *ret_words = words;
        found = &commands[i];
    }
    /* "token inspct": a command that has others behind its name takes no words. */
    bool is_other = found && *ret_words == 1 && argc > 2 && argv[2][0] != '-' && is_group(argv[1]);
    return is_other ? NULL : found;
}

static bool
is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static bool
wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_help(argv[i]))
            return true;
    return false;
}

/* What was found and could not be told was in vain: a disk may be full. */
static int
close_output(const struct call *call, int status)
{
    bool failed = ferror(stdout);
    failed |= fflush(stdout) != 0;
    if (failed && status == 0)
        status = call_failed(call, "standard output cannot be written");
    return status;
}

/* A command that failed with a configuration that nobody named says which it was. */
static int
run(const struct command *c, int argc, char **argv, int (*serve)(const struct launch *))
{
    struct error err;
    struct call call;
    int status = 2;
    hash_seed();
    if (call_read(&call, c, argc, argv, &err)) {
        call.serve = serve;
        status = close_output(&call, c->run(&call));
    } else {
        call_failed(&call, "%s", err.text);
        help_usage(stderr, c);
    }
    call_fini(&call);
    if (status && config_found())
        fprintf(stderr,
                "alipes: the configuration was %s, since there is no -c, no ALIPES_CONFIG and no "
                "MERCURE_ variable\n",
                config_found());
    return status;
}

static int
explain_group(const char *group, FILE *out)
{
    char name[80];
    snprintf(name, sizeof name, "%s ", group);
    fputs("usage:\n", out);
    help_list(out, commands, COUNT_OF(commands), name);
    fprintf(out, "\nalipes %sCOMMAND --help tells more of each.\n", name);
    return out == stdout ? 0 : 2;
}

/* The first word of a name behind `group`, or all of it where there are two. */
static void
add_name(struct string_list *names, struct slice name, struct slice group)
{
    struct slice rest = slice_from(name, group.len);
    struct slice word = slice_head(rest, slice_index(rest, ' '));
    if (slice_starts(name, group) && !string_list_has(names, word))
        string_list_add(names, word);
}

/* `group`: "" or "history ". */
static void
say_unknown(const char *group, const char *word)
{
    struct string_list names = {0};
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (commands[i].summary)
            add_name(&names, slice_of(commands[i].name), slice_of(group));
    const char *nearest =
        foreign_nearest(slice_of(word), (const char *const *)names.items, names.count);
    fprintf(stderr, "alipes: unknown command %s%.100s%s%s%s%s\n", group, word,
            nearest ? "; did you mean " : "", nearest ? group : "", nearest ? nearest : "",
            nearest ? "?" : "");
    string_list_clear(&names);
}

static int
refuse(int argc, char **argv)
{
    char group[80];
    if (!is_group(argv[1])) {
        say_unknown("", argv[1]);
        fputs("usage: alipes COMMAND …; alipes --help lists the commands\n", stderr);
        return 2;
    }
    snprintf(group, sizeof group, "%s ", argv[1]);
    if (argc > 2)
        say_unknown(group, argv[2]);
    return explain_group(argv[1], stderr);
}

/* `help X` is `X --help`. */
static int
help(int argc, char **argv)
{
    int words;
    const struct command *c = find(argc, argv, &words);
    if (c && c->summary)
        help_print(stdout, c);
    else if (argc == 1)
        list_all(stdout);
    else
        return is_group(argv[1]) ? explain_group(argv[1], stdout) : refuse(argc, argv);
    return 0;
}

int
command_line(int argc, char **argv, int (*serve)(const struct launch *))
{
    int words;
    if (argc == 1)
        return serve(&(struct launch){.file = NULL});
    if (strcmp(argv[1], "-c") == 0) {
        if (argc == 3)
            return serve(&(struct launch){.file = argv[2]});
        fputs("usage: alipes -c FILE\n", stderr);
        return 2;
    }
    if (strcmp(argv[1], "help") == 0 || is_help(argv[1]))
        return help(argc - 1, argv + 1);
    const struct command *c = find(argc, argv, &words);
    if (c && !wants_help(argc - 1 - words, argv + 1 + words))
        return run(c, argc - 1 - words, argv + 1 + words, serve);
    return c || wants_help(argc - 1, argv + 1) ? help(argc, argv) : refuse(argc, argv);
}

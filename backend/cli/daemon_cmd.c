/* daemon_cmd - a hub in the background, where there is no root and no systemd.
 *
 * Whether one runs is a matter of its pid file's locks alone (base/pid_file.h). The child of a
 * start has the lock from its parent, so there is no moment in which a second start could come
 * between; and the parent stays until the hub is ready or has failed, so that its words reach
 * whoever called. */

#include "cli/daemon_cmd.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/pid_file.h"
#include "cli/ask.h"
#include "cli/figure.h"
#include "cli/own_files.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NAP_MS = 20,
    PATIENCE_MS = 60000, /* beside shutdown_timeout */

    /* Of `status`, as the Linux Standard Base has them. */
    STATUS_RUNS = 0,
    STATUS_STOPPED = 3,
    STATUS_UNKNOWN = 4,
};

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = NAP_MS * 1000000}, NULL);
}

static uint64_t
patience_of(const struct own_files *f)
{
    return f->config->shutdown_timeout_ms + PATIENCE_MS;
}

/* Root does not do as the files of another user say: their pids, their paths. */
static bool
is_ours(const struct call *call, const struct own_files *f)
{
    struct stat st;
    if (geteuid() != 0 || (stat(f->conf, &st) == 0 && st.st_uid == 0))
        return true;
    call_failed(call, "%s belongs to another user: be that user (runuser -u NAME -- alipes %s)",
                f->conf, call->command->name);
    return false;
}

static enum pid_file_state
look(const struct own_files *f, struct pid_file_holder *ret, struct error *err)
{
    return pid_file_look(f->pid_file, f->conf, ret, err);
}

static int
give_up(const struct call *call, const struct own_files *f, pid_t asked)
{
    unsigned long long seconds = patience_of(f) / 1000;
    if (asked)
        return call_failed(call, "process %d has not ended within %llu s; kill -9 %d ends it",
                           (int)asked, seconds, (int)asked);
    return call_failed(call, "%s: the hub that has it has neither begun nor ended for %llu s",
                       f->pid_file, seconds);
}

/* Two configurations with one pid file have one hub at a time, which obeys its own. */
static int
leave_to(const struct call *call, const struct own_files *f, const struct pid_file_holder *holder)
{
    return call_failed(call,
                       "%s is held by the hub of another configuration, %s, as process %d%s%s: "
                       "each needs a pid_file of its own",
                       f->pid_file, holder->conf, (int)holder->pid, holder->is_here ? "" : " on ",
                       holder->is_here ? "" : holder->host);
}

/* --- start ------------------------------------------------------------------------------------ */

/* What somebody's shell, cron or PHP had open or changed is not the hub's. */
static void
leave_caller(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        signal(signals[i], SIG_DFL);
    setsid();
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        dup2(fd, STDIN_FILENO);
        close(fd);
    }
}

/* In the child: the hub, to its end. */
static int
serve(const struct call *call, const struct own_files *f, int pid_file)
{
    struct error err;
    const struct launch launch = {.file = f->conf, .log = f->log, .pid_file = pid_file};
    leave_caller();
    if (!pid_file_write(pid_file, f->pid_file, f->conf, &err))
        return call_failed(call, "%s", err.text);
    return call->serve(&launch);
}

/* It said itself what went wrong, unless somebody ended it. */
static int
explain_end(const struct call *call, const struct own_files *f, int status)
{
    if (WIFSIGNALED(status))
        return call_failed(call, "the hub was killed as it began, by signal %d (%s); its log: %s",
                           WTERMSIG(status), strsignal(WTERMSIG(status)), f->log);
    if (WEXITSTATUS(status) == 0)
        return call_failed(call, "the hub was stopped as it began; its log: %s", f->log);
    return 1;
}

/* In the parent. The child has the pid file's lock while it lives: one that is free is another
 * file, by which nobody would ever find that hub. */
static int
await_ready(const struct call *call, const struct own_files *f, pid_t child)
{
    struct pid_file_holder holder;
    struct error err;
    int status = 0;
    for (;;) {
        enum pid_file_state state = look(f, &holder, &err);
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child)
            return explain_end(call, f, status);
        if (state == PID_FILE_READY)
            return 0;
        if (ended == 0 && state < PID_FILE_BUSY)
            break;
        nap();
    }
    kill(child, SIGTERM);
    return call_failed(call, "%s was removed as the hub began, which was stopped", f->pid_file);
}

static int
launch(const struct call *call, const struct own_files *f, int pid_file)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        return serve(call, f, pid_file);
    close(pid_file);
    if (child < 0)
        return call_failed(call, "no process can be begun: %s%s", strerror(errno),
                           errno == EAGAIN ? " (ulimit -u)" : "");
    return await_ready(call, f, child);
}

/* Where it begins or ends elsewhere just now, that is waited for: what counts is that one runs. */
static int
start(const struct call *call, const struct own_files *f)
{
    struct pid_file_holder holder;
    struct error err;
    uint64_t until = clock_mono_ms() + patience_of(f);
    do {
        enum pid_file_state state = look(f, &holder, &err);
        if (state == PID_FILE_READY)
            return holder.is_anothers ? leave_to(call, f, &holder) : 0;
        if (state == PID_FILE_STOPPED && !holder.is_anothers && call_has(call, "--unless-stopped"))
            return 0;
        int fd = pid_file_take(f->pid_file, &err);
        if (fd >= 0)
            return launch(call, f, fd);
        if (fd == -1)
            return call_failed(call, "%s", err.text);
        nap();
    } while (clock_mono_ms() < until);
    return give_up(call, f, 0);
}

int
daemon_start(const struct call *call)
{
    struct own_files f;
    closefrom(STDERR_FILENO + 1);
    int status = own_files_open(&f, call) && is_ours(call, &f) ? start(call, &f) : 1;
    own_files_close(&f);
    return status;
}

/* --- stop ------------------------------------------------------------------------------------- */

static bool
ask_to_end(const struct call *call, const struct pid_file_holder *holder)
{
    if (!holder->is_here)
        call_failed(call, "the hub runs on another machine, %s, as process %d: stop it there",
                    holder->host, (int)holder->pid);
    else if (kill(holder->pid, SIGTERM) != 0 && errno != ESRCH)
        call_failed(call, "process %d: %s", (int)holder->pid, strerror(errno));
    else
        return true;
    return false;
}

/* Is it gone? It is asked once; whoever has its place by then is not meant. */
static bool
is_ended(const struct call *call, enum pid_file_state state, const struct pid_file_holder *now,
         pid_t *asked, bool *ret_failed)
{
    if (state < PID_FILE_BUSY || (state == PID_FILE_READY && *asked && *asked != now->pid))
        return true;
    if (state == PID_FILE_READY && *asked == 0) {
        *ret_failed = !ask_to_end(call, now);
        *asked = now->pid;
    }
    return *ret_failed;
}

/* What another configuration's hub left in the file, it finds as it was. */
static int
say_stopped(const struct own_files *f, const struct pid_file_holder *last, bool was_ours)
{
    if (!last->is_anothers)
        pid_file_say_stopped(f->pid_file, f->conf);
    if (was_ours)
        puts("stopped");
    else if (last->is_anothers)
        printf(
            "no hub of this configuration was running, and %s is as that of another, %s, left it\n",
            f->pid_file, last->conf);
    else
        puts("no hub of this configuration was running");
    return 0;
}

static int
stop(const struct call *call, const struct own_files *f)
{
    struct pid_file_holder holder;
    struct error err;
    uint64_t until = clock_mono_ms() + patience_of(f);
    bool was_there = false, failed = false;
    pid_t asked = 0;
    for (;;) {
        enum pid_file_state state = look(f, &holder, &err);
        if (state == PID_FILE_UNKNOWN)
            return call_failed(call, "%s", err.text);
        if (state == PID_FILE_READY && holder.is_anothers && asked == 0)
            return leave_to(call, f, &holder);
        if (is_ended(call, state, &holder, &asked, &failed))
            break;
        if (clock_mono_ms() >= until)
            return give_up(call, f, asked);
        was_there = true;
        nap();
    }
    return failed ? 1 : say_stopped(f, &holder, asked || (was_there && !holder.is_anothers));
}

int
daemon_stop(const struct call *call)
{
    struct own_files f;
    int status = own_files_open(&f, call) && is_ours(call, &f) ? stop(call, &f) : 1;
    own_files_close(&f);
    return status;
}

/* --- status ----------------------------------------------------------------------------------- */

static void
print_list(const char *label, const struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        printf("%-12s %s\n", i ? "" : label, list->items[i]);
}

static void
print_streams(const struct config *c)
{
    struct buf page = {0};
    struct error err;
    unsigned status = 0;
    char text[32];
    if (c->metrics_listen.count == 0)
        error_set(&err, "not known, for there is no metrics_listen");
    else if (ask_hub(&c->metrics_listen, "/metrics", &status, &page, &err) && status != 200)
        error_set(&err, "not known: the hub answered %u", status);
    if (status == 200) {
        struct slice all = buf_slice(&page);
        printf("%-12s %s, ", "streams",
               figure_write_count(text, sizeof text, figure_find(all, "alipes_streams", "")));
        printf(
            "with room for %s connections\n",
            figure_write_count(text, sizeof text, figure_find(all, "alipes_connections_most", "")));
    } else {
        printf("%-12s %s\n", "streams", err.text);
    }
    buf_fini(&page);
}

static void
print_running(const struct own_files *f, const struct pid_file_holder *holder)
{
    char since[LOG_TIME];
    log_time(since, (uint64_t)holder->since * 1000);
    printf("running      process %d%s%s, since %s\n", (int)holder->pid,
           holder->is_here ? "" : " on ", holder->is_here ? "" : holder->host, since);
    print_list("listens", &f->config->listen);
    if (holder->is_here)
        print_streams(f->config);
}

static void
print_other(enum pid_file_state state, const struct pid_file_holder *holder)
{
    char whose[PID_FILE_CONF + 64] = "it";
    if (holder->is_anothers)
        snprintf(whose, sizeof whose, "the hub of another configuration, %s,", holder->conf);
    if (state == PID_FILE_BUSY)
        printf("%s begins, or ends\n", whose);
    else if (state == PID_FILE_READY)
        printf("not running: %s has its pid_file, as process %d\n", whose, (int)holder->pid);
    else
        puts(state == PID_FILE_STOPPED && !holder->is_anothers ? "not running: it was stopped"
                                                               : "not running");
}

static int
print_status(const struct call *call, const struct own_files *f)
{
    struct pid_file_holder holder;
    struct error err;
    enum pid_file_state state = look(f, &holder, &err);
    bool runs = state == PID_FILE_READY && !holder.is_anothers;
    if (runs)
        print_running(f, &holder);
    else if (state == PID_FILE_UNKNOWN)
        call_failed(call, "%s", err.text);
    else
        print_other(state, &holder);
    printf("%-12s %s\n%-12s %s\n", "log", f->log, "configuration", f->conf);
    if (runs)
        return STATUS_RUNS;
    return state == PID_FILE_BUSY || state == PID_FILE_UNKNOWN ? STATUS_UNKNOWN : STATUS_STOPPED;
}

int
daemon_status(const struct call *call)
{
    struct own_files f;
    int status = own_files_open(&f, call) ? print_status(call, &f) : STATUS_UNKNOWN;
    own_files_close(&f);
    return status;
}
